"""Loopback is every user's: who is not the owner of the state gets in nowhere."""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest
from botocore.exceptions import ClientError

from opsctl.local.keys import AccessKey
from opsctl.local.postgres.files import SUPERUSER, ServerFiles
from opsctl.local.settings import LIFETIME_VARIABLE
from opsctl.local.target import LocalTarget
from tests.functional.cli import ROOT, opsctl
from tests.functional.local.sandbox import Sandbox
from tests.functional.local.strangers import as_stranger, status

pytestmark = pytest.mark.emulator

ROLES = ("app_user", "app_migrator")
SECRET = {"X-Amz-Target": "secretsmanager.ListSecrets", "Content-Type": "application/x-amz-json-1.1"}


@pytest.fixture(scope="module")
def address(sandbox: Sandbox) -> str:
    return sandbox.endpoints.endpoint_url.removeprefix("http://")


@pytest.fixture(scope="module")
def server(sandbox: Sandbox) -> dict[str, Any]:
    """The database, with roles as `auth: trust` makes them."""
    where: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": sandbox.endpoints.postgres_port,
        "dbname": "postgres",
        "connect_timeout": 5,
    }
    password = ServerFiles(sandbox.target.state, "postgres").password.read_text()
    connection = psycopg2.connect(**where, user=SUPERUSER, password=password)
    with connection, connection.cursor() as cursor:
        for role in ROLES:
            cursor.execute(f"CREATE ROLE {role} LOGIN")
        cursor.execute("CREATE ROLE app_owner")
        cursor.execute("CREATE ROLE kept LOGIN PASSWORD 'of its own'")
    connection.close()
    return where


@pytest.fixture(scope="module")
def balancer(sandbox: Sandbox) -> tuple[str, str]:
    """The address of a listener that answers 202 to whoever comes, and the load balancer's name."""
    client = sandbox.client("elbv2")
    made = client.create_load_balancer(Name="open", Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "202"}}
    client.create_listener(LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[answer])
    url = sandbox.target.service_url(made["DNSName"])
    return url.removeprefix("http://").rstrip("/"), made["DNSName"]


def client_of(sandbox: Sandbox, key: AccessKey) -> Any:
    return boto3.client(
        "secretsmanager", endpoint_url=sandbox.endpoints.endpoint_url, region_name="us-east-1",
        aws_access_key_id=key.id, aws_secret_access_key=key.secret,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/", SECRET),
        ("POST", "/", SECRET | {"Authorization": "AWS4-HMAC-SHA256 Credential=000000000000/x"}),
        ("GET", "/?Action=ListTopics&Version=2010-03-31", {}),
        ("POST", "/2015-03-31/functions", {}),
        ("GET", "/", {}),
        ("GET", "/bucket/key", {}),
        ("PUT", "/bucket", {}),
        ("OPTIONS", "/", {}),
        ("POST", "/_ministack/reset", {}),
        ("GET", "/_ministack/health", {}),
        ("POST", "/_ministack/rds/iam-auth", {}),
        ("PUT", "/_ministack/cfn-response/../reset", {}),
        ("GET", "/_opsctl/health", {}),
        ("DELETE", "/_opsctl/calls", {"Authorization": "Bearer x"}),
        ("POST", "/_opsctl/login?port=1&role=app_user", {}),
        ("GET", "/v2/credentials/x", {"Authorization": ""}),
        ("GET", "/v4/short/task", {}),
        ("GET", "/latest/meta-data/iam/security-credentials/x", {}),
        ("GET", "/_alb/app/", {}),
        ("POST", "/v2/email/outbound-emails", {}),
    ],
)
def test_an_unsigned_call_is_refused(address: str, method: str, path: str, headers: dict[str, str]) -> None:
    assert as_stranger(lambda: status(address, method, path, headers)) == 403


def test_a_random_path_covers_nothing_else(address: str) -> None:
    """What a task may ask of its metadata, nobody may ask of ECS beside it."""
    path = "/v4/" + "a" * 43
    assert as_stranger(lambda: status(address, "GET", f"{path}?Action=ListTopics&Version=2010-03-31", SECRET)) == 404


@pytest.mark.parametrize("login", ["AWS:ministack-auth-token", "AWS:", ""])
@pytest.mark.parametrize("path", ["/v2/", "/v2/_catalog", "/v2/app/manifests/1", "/v2/app/blobs/uploads/"])
def test_the_registry_asks_for_its_password(address: str, path: str, login: str) -> None:
    basic = f"Basic {base64.b64encode(login.encode()).decode()}"
    assert as_stranger(lambda: status(address, "GET", path, {"Authorization": basic})) == 401


def test_ecr_hands_out_the_password_of_the_registry(sandbox: Sandbox, address: str) -> None:
    token = sandbox.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    assert status(address, "GET", "/v2/", {"Authorization": f"Basic {token}"}) == 200


@pytest.mark.parametrize("key_id", ["000000000000", "test", "right"])
def test_another_key_is_refused_in_the_words_of_aws(sandbox: Sandbox, key_id: str) -> None:
    key = AccessKey(sandbox.target.key.id if key_id == "right" else key_id, "test")
    client = client_of(sandbox, key)
    with pytest.raises(ClientError) as caught:
        client.list_secrets()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert caught.value.response["Error"]["Code"] in ("UnrecognizedClientException", "InvalidSignatureException")
    assert client_of(sandbox, sandbox.target.key).list_secrets()["SecretList"] == []


def test_a_signed_url_is_good_for_what_was_signed(sandbox: Sandbox, address: str) -> None:
    client = sandbox.client("s3")
    client.create_bucket(Bucket="media")
    client.put_object(Bucket="media", Key="a", Body=b"a")
    path = client.generate_presigned_url("get_object", Params={"Bucket": "media", "Key": "a"}).partition(address)[2]
    assert as_stranger(lambda: status(address, "GET", path)) == 200
    assert as_stranger(lambda: status(address, "GET", path.replace("/a?", "/b?"))) == 403
    assert as_stranger(lambda: status(address, "DELETE", path)) == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.amazonaws.com", "x.cloudfront.net", "media.localhost"])
def test_a_foreign_name_is_refused_whoever_asks(
    sandbox: Sandbox, address: str, balancer: tuple[str, str], host: str
) -> None:
    path = "/?Action=ListTopics&Version=2010-03-31"
    listener, name = balancer
    assert status(address, "GET", path, sandbox.signed(host, path, "sns")) == 403
    assert status(address, "GET", path, sandbox.signed(address, path, "sns")) == 200
    assert status(address, "GET", path, sandbox.signed(name, path, "sns")) != 403
    assert status(listener, "GET", "/", {"Host": host}) == 421
    assert status(listener, "GET", "/") == status(listener, "GET", "/", {"Host": name}) == 202


@pytest.mark.parametrize("role", [*ROLES, SUPERUSER, "kept", "app_owner"])
@pytest.mark.parametrize("password", [None, "", "local", "wrong"])
def test_no_role_logs_in_without_its_password(server: dict[str, Any], role: str, password: str | None) -> None:
    def attempt() -> None:
        psycopg2.connect(**server, user=role, password=password, passfile="/nowhere")

    with pytest.raises(Exception, match=r"password|not permitted to log in"):
        as_stranger(attempt)


@pytest.mark.parametrize("role", ROLES)
def test_the_owner_logs_in_as_each_role_of_the_application(sandbox: Sandbox, server: dict[str, Any], role: str) -> None:
    for _ in range(2):
        login = sandbox.target.database_login(server["port"], role)
        psycopg2.connect(**server, user=role, password=login["PGPASSWORD"]).close()


@pytest.mark.parametrize("role", ["kept", SUPERUSER, "app_owner", "nobody_has_this"])
def test_a_role_that_has_a_password_or_does_not_log_in_is_left_alone(
    sandbox: Sandbox, server: dict[str, Any], role: str
) -> None:
    assert "PGPASSWORD" not in sandbox.target.database_login(server["port"], role)
    psycopg2.connect(**server, user="kept", password="of its own").close()


def test_a_shell_gets_what_the_aws_cli_needs(sandbox: Sandbox) -> None:
    shutil.copyfile(ROOT / "environments.yaml", sandbox.root / "environments.yaml")
    printed = opsctl("local", "env", cwd=sandbox.root)
    assert printed.code == 0, printed.err
    shell = (
        f'{printed.out}\necho "$AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_REGION $AWS_PROFILE"'
    )
    done = subprocess.run(["sh", "-c", shell], env={"AWS_PROFILE": "mine"}, capture_output=True, text=True, check=True)
    key = sandbox.target.key
    assert done.stdout.split() == [sandbox.endpoints.endpoint_url, key.id, key.secret, "us-east-1"]
    status = opsctl("local", "status", "--json", cwd=sandbox.root)
    assert key.secret not in status.out


def test_a_shell_whose_target_is_down_gets_it_started(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "environments.yaml", tmp_path / "environments.yaml")
    try:
        printed = opsctl("local", "env", cwd=tmp_path)
        assert printed.code == 0, printed.err
        ends = LocalTarget(tmp_path).status().endpoints
        assert ends
        assert f"AWS_ENDPOINT_URL={ends.endpoint_url}" in printed.out
    finally:
        LocalTarget(tmp_path).reset()


@pytest.mark.parametrize("broken", [{}, {LIFETIME_VARIABLE: "soon"}], ids=["no file", "no start"])
def test_a_shell_that_gets_no_target_does_not_reach_the_account_of_its_own_keys(
    tmp_path: Path, broken: dict[str, str]
) -> None:
    if broken:
        shutil.copyfile(ROOT / "environments.yaml", tmp_path / "environments.yaml")
    printed = opsctl("local", "env", cwd=tmp_path, env=broken)
    assert printed.code != 0
    shell = f"eval {shlex.quote(printed.out)} && echo went on\necho $AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID"
    own = {"AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_PROFILE": "mine"}
    done = subprocess.run(["sh", "-c", shell], env=own, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["http://127.0.0.1:0", "none"]


@pytest.mark.skipif(os.geteuid() != 0, reason="its owner may read it; the modes are looked at below")
def test_nobody_reads_the_key(sandbox: Sandbox) -> None:
    sandbox.target.state.path.parent.parent.chmod(0o755)
    with pytest.raises(PermissionError):
        as_stranger(sandbox.target.state.key.read_text)


def open_to_others(folder: Path) -> list[str]:
    """What others may do something with."""
    return [
        f"{stat.filemode(path.lstat().st_mode)} {path}"
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]


@pytest.mark.parametrize("umask", [0o000, 0o022], ids=oct)
def test_every_file_is_its_owners_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    target = LocalTarget(tmp_path)
    try:
        sandbox = Sandbox(tmp_path)
        sandbox.client("s3").create_bucket(Bucket="media")
        sandbox.client("s3").put_object(Bucket="media", Key="a/b", Body=b"b")
        target.flush()
        folder = tmp_path / ".opsctl"
        assert open_to_others(folder) == []
        # As an earlier version left it.
        target.stop()
        for path in (folder, target.state.path, target.state.logs / "emulator.log", target.state.ports):
            path.chmod(0o755)
        target.state.key.unlink()
        target.ensure_started()
        assert open_to_others(folder) == []
        assert set(json.loads(target.state.key.read_text())) == {"id", "secret"}
    finally:
        os.umask(before)
        target.reset()


@pytest.mark.parametrize(
    ("method", "path", "headers", "code"),
    [
        ("POST", "/", SECRET, 403),
        ("PUT", "/bucket/key", {"Authorization": "AWS4-HMAC-SHA256 Credential=LOCALX/x"}, 403),
        ("PUT", "/_ministack/cfn-response/00000000-0000-4000-8000-000000000000", {}, 403),
        ("GET", "/v4/" + "a" * 43, {}, 413),
    ],
)
def test_what_nobody_sends_is_not_kept(
    address: str, method: str, path: str, headers: dict[str, str], code: int
) -> None:
    """The answer comes before the body does."""
    assert as_stranger(lambda: status(address, method, path, headers | {"Content-Length": str(10**11)})) == code


def test_nor_is_more_than_a_listener_holds(balancer: tuple[str, str]) -> None:
    listener, _name = balancer
    assert as_stranger(lambda: status(listener, "POST", "/", {"Content-Length": str(10**11)})) == 413
