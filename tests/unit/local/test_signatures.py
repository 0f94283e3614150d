"""Which requests count as signed; what is signed here, botocore has signed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from ministack.core import sigv4

from opsctl.local.emulator.request import Request
from opsctl.local.emulator.signatures import Verifier
from opsctl.local.keys import AccessKey, Keys
from tests.unit.local.ministack import Ministack

URL = "http://127.0.0.1:24000"
OWN = AccessKey("LOCALOWN", "the secret")


@pytest.fixture
def keys() -> Keys:
    return Keys(OWN)


@pytest.fixture
def verifier(keys: Keys) -> Verifier:
    ministack = Ministack()
    ministack.modules["core.sigv4"] = sigv4
    ministack.modules["services.sts"]._sessions = {
        "ASIASESSION": {"SecretAccessKey": "s", "SessionToken": "t", "Expiration": time.time() + 60},
        "ASIAOVER": {"SecretAccessKey": "s", "SessionToken": "t", "Expiration": time.time() - 1},
    }
    return Verifier(ministack.whole, keys, "000000000000", "us-east-1")


def received(sent: AWSRequest, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Request:
    """The request as the emulator gets it, changed on its way where that is said."""
    split = urlsplit(str(sent.url))
    given = {name.lower(): str(value) for name, value in sent.headers.items()}
    return Request(
        str(sent.method), split.path, split.query, {"host": split.netloc, **given, **(headers or {})},
        (sent.data or b"") if body is None else body,
    )  # fmt: skip


def call(key: AccessKey = OWN, body: bytes = b'{"a": 1}', headers: Mapping[str, str] | None = None) -> AWSRequest:
    """A signed call of an API."""
    given = {"X-Amz-Target": "Ecs.ListTasks", **(headers or {})}
    request = AWSRequest("POST", f"{URL}/", data=body, headers=given)
    SigV4Auth(Credentials(key.id, key.secret, key.token or None), "ecs", "us-east-1").add_auth(request)
    return request


def link(key: AccessKey = OWN, expires: int = 60, signer: Any = S3SigV4QueryAuth) -> AWSRequest:
    """A signed URL of an object."""
    request = AWSRequest("GET", f"{URL}/media/a%20b", params={"response-content-type": "text/plain"})
    request = AWSRequest("GET", request.prepare().url)
    credentials = Credentials(key.id, key.secret, key.token or None)
    (
        signer(credentials, expires=expires)
        if signer is HmacV1QueryAuth
        else signer(credentials, "s3", "us-east-1", expires=expires)
    ).add_auth(request)
    return request


LINKS = pytest.mark.parametrize("signer", [S3SigV4QueryAuth, HmacV1QueryAuth])


def code(verifier: Verifier, request: Request) -> str:
    refused = verifier.refusal(request)
    return refused.code if refused else ""


def test_a_call_with_the_key_is_let_in_and_comes_from_the_account(verifier: Verifier) -> None:
    request = received(call())
    assert code(verifier, request) == ""
    headers, query = verifier.admitted(request)
    assert "Credential=000000000000/" in headers["authorization"]
    assert "/us-east-1/ecs/aws4_request" in headers["authorization"]
    assert (headers["x-amz-target"], query) == ("Ecs.ListTasks", "")


def test_a_call_without_a_signature_is_refused(verifier: Verifier) -> None:
    assert code(verifier, Request("POST", "/", "", {"host": "127.0.0.1"}, b"")) == "MissingAuthenticationToken"


@pytest.mark.parametrize("key_id", ["000000000000", "test", "LOCALOTHER"])
def test_another_key_is_refused(verifier: Verifier, key_id: str) -> None:
    assert code(verifier, received(call(AccessKey(key_id, OWN.secret)))) == "InvalidClientTokenId"


def test_the_right_key_id_alone_is_refused(verifier: Verifier) -> None:
    assert code(verifier, received(call(AccessKey(OWN.id, "test")))) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "headers", [{}, {"X-Amz-Content-Sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]
)
def test_another_body_is_refused_whatever_hash_was_signed(verifier: Verifier, headers: dict[str, str]) -> None:
    sent = call(body=b"", headers=headers)
    assert code(verifier, received(sent)) == ""
    assert code(verifier, received(sent, body=b'{"b": 2}')) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", ["host", "x-amz-target", "x-amz-date"])
def test_another_value_of_a_signed_header_is_refused(verifier: Verifier, name: str) -> None:
    changed = {"host": "localhost:24000", "x-amz-target": "Ecs.RunTask", "x-amz-date": time.strftime("%Y%m%dT000000Z")}
    assert code(verifier, received(call(), headers={name: changed[name]})) in (
        "SignatureDoesNotMatch",
        "RequestTimeTooSkewed",
    )


def test_a_header_that_was_added_is_refused(verifier: Verifier) -> None:
    assert code(verifier, received(call(), headers={"x-amz-acl": "public-read"})) == "SignatureDoesNotMatch"


def test_a_call_of_an_hour_ago_is_refused(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    then = datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: then.replace(tzinfo=None))
    assert code(verifier, received(call())) == "RequestTimeTooSkewed"


@pytest.mark.parametrize("value", ["AWS LOCALOWN:x", "Basic QVdTOng=", "Bearer x", "AWS4-HMAC-SHA256 é", ""])
def test_another_way_to_sign_is_refused(verifier: Verifier, value: str) -> None:
    assert code(verifier, received(call(), headers={"authorization": value})) != ""


@pytest.mark.parametrize(("old", "new"), [("HMAC-SHA256", "ECDSA-P256-SHA256"), ("Signature=", "Signature=é")])
def test_a_signature_of_another_kind_is_refused(verifier: Verifier, old: str, new: str) -> None:
    sent = call()
    changed = str(sent.headers["Authorization"]).replace(old, new)
    assert code(verifier, received(sent, headers={"authorization": changed})) == "IncompleteSignature"


@LINKS
def test_a_signed_url_is_let_in_without_its_signature(verifier: Verifier, signer: Any) -> None:
    request = received(link(signer=signer))
    assert code(verifier, request) == ""
    headers, query = verifier.admitted(request)
    assert query == "response-content-type=text%2Fplain"
    assert "/us-east-1/s3/aws4_request" in headers["authorization"]


@LINKS
def test_a_signed_url_of_a_task_needs_its_token(verifier: Verifier, keys: Keys, signer: Any) -> None:
    key = keys.issue()
    assert code(verifier, received(link(key, signer=signer))) == ""
    assert code(verifier, received(link(AccessKey(key.id, key.secret), signer=signer))) == "InvalidClientTokenId"


@LINKS
@pytest.mark.parametrize(
    ("old", "new"),
    [("/media/a%20b", "/media/other"), ("text%2Fplain", "text%2Fhtml"), ("Signature=", "Signature=0")],
)
def test_a_signed_url_that_was_changed_is_refused(verifier: Verifier, signer: Any, old: str, new: str) -> None:
    sent = link(signer=signer)
    assert old in str(sent.url)
    sent.url = str(sent.url).replace(old, new)
    assert code(verifier, received(sent)) == "SignatureDoesNotMatch"


@LINKS
def test_a_signed_url_is_good_for_its_method_alone(verifier: Verifier, signer: Any) -> None:
    sent = link(signer=signer)
    sent.method = "DELETE"
    assert code(verifier, received(sent)) == "SignatureDoesNotMatch"


@LINKS
def test_a_signed_url_whose_time_is_over_is_refused(verifier: Verifier, signer: Any) -> None:
    assert code(verifier, received(link(expires=-5, signer=signer))) == "AccessDenied"


def test_a_task_is_let_in_until_it_ends(verifier: Verifier, keys: Keys) -> None:
    key = keys.issue()
    assert code(verifier, received(call(key))) == ""
    assert code(verifier, received(call(AccessKey(key.id, key.secret, "other")))) == "InvalidClientTokenId"
    keys.revoke(key)
    assert code(verifier, received(call(key))) == "InvalidClientTokenId"


def test_a_session_of_sts_is_let_in_until_it_is_over(verifier: Verifier) -> None:
    assert code(verifier, received(call(AccessKey("ASIASESSION", "s", "t")))) == ""
    assert code(verifier, received(call(AccessKey("ASIASESSION", "s")))) == "InvalidClientTokenId"
    assert code(verifier, received(call(AccessKey("ASIAOVER", "s", "t")))) == "InvalidClientTokenId"


def test_no_key_of_the_target_opens_nothing() -> None:
    assert Keys(AccessKey("", "")).find("") is None


def test_a_verification_costs_well_under_a_millisecond(verifier: Verifier) -> None:
    request = received(call(body=b"x" * 2000))
    begin = time.perf_counter()
    for _ in range(200):
        verifier.refusal(request)
    assert (time.perf_counter() - begin) / 200 < 0.001
