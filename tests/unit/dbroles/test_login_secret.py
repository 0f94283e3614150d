"""The application's login as a secret: what counts as one, and how Secrets Manager is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from moto import mock_aws

from opsctl.dbroles.errors import BadSecretError
from opsctl.dbroles.login_secret import DatabaseLogin, SecretsManagerStore, make_password, parse_login

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:login-AbCdEf"
USERS = ("app_user_a", "app_user_b")
LOGIN = DatabaseLogin("db.example.org", 5432, "appdb", "app_user_a", "pa55word")
VERSION = "5f0f3c5e-3f0b-4d0e-9a54-3b1f0c8f0f11"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


def test_it_reads_back_what_it_writes() -> None:
    assert parse_login(LOGIN.text(), USERS) == LOGIN
    assert json.loads(LOGIN.text()) == {
        "engine": "postgres",
        "host": "db.example.org",
        "port": 5432,
        "dbname": "appdb",
        "username": "app_user_a",
        "password": "pa55word",
    }


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "password=x",
        "[]",
        "7",
        '{"username": "app_user_a"}',
        '{"username": "app_user_a", "password": ""}',
        '{"username": "app_user_a", "password": 7}',
        '{"username": "app_user_a", "password": "a\\u0000b"}',
        '{"username": "master", "password": "x"}',
        '{"username": ["app_user_a"], "password": "x"}',
    ],
)
def test_it_takes_nothing_else_for_a_login(text: str | None) -> None:
    assert parse_login(text, USERS) is None


@pytest.mark.parametrize("port", [None, "x", "٣", "123456", [1]])
def test_a_login_with_a_bad_address_is_one_that_leads_nowhere(port: object) -> None:
    text = json.dumps({"username": "app_user_b", "password": "x", "port": port})
    assert parse_login(text, USERS) == DatabaseLogin("None", 0, "None", "app_user_b", "x")


def test_its_password_shows_up_nowhere() -> None:
    assert "pa55word" not in repr(LOGIN) + repr(LOGIN.credentials)


def test_passwords_are_forty_letters_and_digits_and_never_the_same() -> None:
    made = {make_password() for _ in range(200)}
    assert len(made) == 200
    assert all(len(one) == 40 and one.isascii() and one.isalnum() for one in made)


@pytest.mark.usefixtures("account")
def test_it_fills_an_empty_secret_and_then_a_new_version_of_it() -> None:
    client = boto3.client("secretsmanager", region_name="us-east-1")
    arn = client.create_secret(Name="login")["ARN"]
    store = SecretsManagerStore()
    assert store.read(arn, "AWSCURRENT") is None
    store.write(arn, LOGIN.text(), VERSION)
    assert store.read(arn, "AWSCURRENT") == LOGIN.text()
    second = replace(LOGIN, user="app_user_b")
    store.write(arn, second.text(), VERSION.replace("5", "6"))
    assert store.read(arn, "AWSCURRENT") == second.text()
    assert store.read(arn, "AWSPREVIOUS") == LOGIN.text()
    assert client.get_secret_value(SecretId=arn, VersionId=VERSION)["SecretString"] == LOGIN.text()


def test_a_right_that_is_not_known_everywhere_yet_is_waited_for(secrets: Stubber) -> None:
    slept: list[float] = []
    secrets.add_client_error("put_secret_value", "AccessDeniedException")
    wanted = {"SecretId": ARN, "SecretString": "text", "ClientRequestToken": VERSION}
    secrets.add_response("put_secret_value", {"VersionId": VERSION}, wanted)
    SecretsManagerStore(sleep=slept.append).write(ARN, "text", VERSION)
    assert slept == [1.0]
    for _ in range(5):
        secrets.add_client_error("get_secret_value", "AccessDeniedException")
    with pytest.raises(BadSecretError, match=r"refused to read the login's secret .* \(AccessDeniedException\)"):
        SecretsManagerStore(sleep=slept.append).read(ARN, "AWSCURRENT")
    assert sum(slept) < 15


def test_what_it_can_not_do_is_told_without_the_text(secrets: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SecretsManagerStore(sleep=lambda _: None)
    secrets.add_client_error("put_secret_value", "ResourceNotFoundException", LOGIN.text())
    with pytest.raises(BadSecretError, match="There is no secret") as absent:
        store.write(ARN, LOGIN.text(), VERSION)
    secrets.add_client_error("put_secret_value", "EncryptionFailure", LOGIN.text())
    with pytest.raises(BadSecretError, match=r"refused to write .* \(EncryptionFailure\)") as refused:
        store.write(ARN, LOGIN.text(), VERSION)

    def unreachable(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://x")

    monkeypatch.setattr(boto3, "client", unreachable)
    with pytest.raises(BadSecretError, match="can't be asked to write") as lost:
        store.write(ARN, LOGIN.text(), VERSION)
    assert not any("pa55word" in str(one.value) for one in (absent, refused, lost))
