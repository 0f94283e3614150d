"""The Lambda with auth password: TLS to a real server, Secrets Manager by moto, answers without secrets."""

from __future__ import annotations

import json
import logging
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from opsctl.dbroles.handler import handler
from tests.functional.dbroles.conftest import PASSWORD_HBA
from tests.functional.dbroles.endpoints import ResponseAddress, response_address
from tests.functional.dbroles.servers import Installation, Server, installations, run_server
from tests.functional.dbroles.site import PASSWORD, Site
from tests.functional.dbroles.test_handler import FakeContext
from tests.functional.iam.certificates import Authority

pytestmark = pytest.mark.postgres


def _with_tls() -> Installation | None:
    for found in installations():
        config = found.bin / "pg_config"
        if config.exists():
            said = subprocess.run([config, "--configure"], capture_output=True, text=True, check=False).stdout
            if "--with-openssl" in said or "--with-ssl" in said:
                return found
    return None


@pytest.fixture(scope="module")
def tls_server() -> Iterator[tuple[Server, Path]]:
    """A server with a certificate, and the bundle to verify it with."""
    installation = _with_tls()
    if installation is None:
        pytest.skip("no PostgreSQL with TLS here (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="opsctl-tls-"))
    folder.chmod(0o755)
    authority = Authority.create(folder, "authority")
    certificate, key = authority.issue(folder, "localhost", "127.0.0.1")
    if os.geteuid() == 0:
        accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
        os.chown(key, accounts.get("postgres", accounts["nobody"]).pw_uid, -1)
    hba = tuple(line.replace("host ", "hostssl ") if "postgres" not in line else line for line in PASSWORD_HBA)
    with run_server(installation, hba, ("ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={key}")) as server:
        yield server, authority.bundle
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def site(tls_server: tuple[Server, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("DB_SSL_ROOT_CERT", str(tls_server[1]))
    made = Site.create(tls_server[0], 9001).with_model(owner_login=True)
    with mock_aws(config={"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}):
        yield made
    made.drop()


@pytest.fixture
def properties(site: Site) -> dict[str, Any]:
    client = boto3.client("secretsmanager", region_name="eu-west-1")
    text = json.dumps({"username": site.master, "password": PASSWORD})
    return {
        "MasterSecretArn": client.create_secret(Name="master", SecretString=text)["ARN"],
        "LoginSecretArn": client.create_secret(Name="login")["ARN"],
        "Host": "127.0.0.1",
        "Port": str(site.server.port),
        "Database": site.database,
        "Auth": "password",
        "Roles": {**{key: str(value) for key, value in site.model.to_dict().items() if isinstance(value, str)},
                  "owner_login": "true", "extensions": ["plpgsql"]},
    }  # fmt: skip


def held(properties: dict[str, Any]) -> dict[str, Any]:
    client = boto3.client("secretsmanager", region_name="eu-west-1")
    found = json.loads(client.get_secret_value(SecretId=properties["LoginSecretArn"])["SecretString"])
    assert isinstance(found, dict)
    return found


def create(properties: dict[str, Any], address: ResponseAddress) -> dict[str, Any]:
    address.bodies.clear()
    event = {"RequestType": "Create", "ResponseURL": address.url, "StackId": "s", "RequestId": "r",
             "LogicalResourceId": "DatabaseRoles", "ResourceProperties": properties}  # fmt: skip
    handler(event, FakeContext())
    return address.answer


def call(action: str, properties: dict[str, Any]) -> dict[str, Any]:
    return handler({"Action": action, "ResourceProperties": properties}, FakeContext())


def test_it_makes_keeps_and_rotates_the_login(
    site: Site, properties: dict[str, Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, "opsctl.dbroles")
    shown = [json.dumps(call("check", properties))]
    assert "give s9001_user_a a new password" in shown[0]
    with response_address() as address:
        answer = create(properties, address)
        assert answer["Status"] == "SUCCESS", answer
        first = held(properties)
        assert first["username"] == "s9001_user_a"
        again = create(properties, address)
        assert "all roles are as the model says" in again["Reason"]
        assert held(properties) == first
    site.server.connect(first["username"], site.database, first["password"]).close()
    rotated = call("rotate", properties)
    second = held(properties)
    assert (rotated["login"], rotated["previous"]) == (second["username"], "s9001_user_a")
    client = boto3.client("secretsmanager", region_name="eu-west-1")
    assert client.get_secret_value(SecretId=properties["LoginSecretArn"])["VersionId"] == rotated["secret_version"]
    site.server.connect(second["username"], site.database, second["password"]).close()
    site.server.connect(first["username"], site.database, first["password"]).close()
    status = call("status", properties)
    assert [role["key"] for role in status["roles"]] == ["owner", "user_a", "user_b"]
    assert status["drifted"] is False
    printed = capfd.readouterr()
    shown += [json.dumps(answer), json.dumps(again), json.dumps(rotated), json.dumps(status)]
    for text in (*shown, caplog.text, printed.out, printed.err):
        for login in (first, second):
            assert login["password"] not in text


def test_a_rotation_that_is_refused_is_an_error_with_its_next_step(properties: dict[str, Any]) -> None:
    reply = call("rotate", properties)
    assert reply["error"]["code"] == "role-conflict"
    assert reply["error"]["hint"] == "Run opsctl db init, then rotate."
    reply = call("rotate", {**properties, "Auth": "iam"})
    assert "no password to rotate" in reply["error"]["message"]
    reply = call("init", {**properties, "Roles": {**properties["Roles"], "owner_login": "false"}})
    assert "auth: password with owner: false" in reply["error"]["message"]


def test_a_secret_that_is_not_there_fails_the_stack_with_its_reason(properties: dict[str, Any]) -> None:
    with response_address() as address:
        answer = create({**properties, "LoginSecretArn": properties["LoginSecretArn"][:-8] + "x-AbCdEf"}, address)
    assert answer["Status"] == "FAILED"
    assert "There is no secret" in answer["Reason"]
