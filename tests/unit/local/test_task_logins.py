"""What a task gets to log in with: a key of its own from ECS's endpoint, and the database's password of its role."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.local.keys import AccessKey, Keys
from opsctl.local.postgres.files import REQUIRED_LOGIN
from opsctl.local.postgres.instances import Servers
from opsctl.local.state import StateDir
from opsctl.local.tasks.credentials import TaskCredentials
from opsctl.local.tasks.spawner import Spawner

PATH = "/v2/credentials/1"
TASK = {
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:24000{PATH}", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token"
}  # fmt: skip
DATABASE = {"PGHOST": "127.0.0.1", "PGPORT": "5432", "PGUSER": "app_user"}


def test_a_task_gets_a_key_until_it_ends() -> None:
    keys = Keys(AccessKey("LOCALOWN", "secret"))
    credentials = TaskCredentials(keys)
    close = credentials.open(TASK)
    found = credentials.answer(PATH, "token")
    assert found
    key = keys.find(found["AccessKeyId"])
    assert key == AccessKey(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])
    assert key != keys.own
    close()
    assert credentials.answer(PATH, "token") is None
    assert keys.find(found["AccessKeyId"]) is None


@pytest.mark.parametrize(("path", "token"), [(PATH, ""), (PATH, "other"), ("/v2/credentials/2", "token"), ("", "")])
def test_nobody_else_gets_it(path: str, token: str) -> None:
    credentials = TaskCredentials(Keys(AccessKey("LOCALOWN", "secret")))
    credentials.open(TASK)
    credentials.open({})
    assert credentials.answer(path, token) is None


class _Servers(Servers):
    """Servers that know one role and need not run."""

    def let_in(self, port: int, role: str) -> str | None:
        return f"{role} at {port}" if role == "app_user" else None


@pytest.mark.parametrize(
    ("environment", "login"),
    [
        (DATABASE, REQUIRED_LOGIN | {"PGPASSWORD": "app_user at 5432"}),
        (DATABASE | {"PGPASSWORD": ""}, REQUIRED_LOGIN | {"PGPASSWORD": "app_user at 5432"}),
        (DATABASE | {"PGPASSWORD": "own"}, REQUIRED_LOGIN | {"PGPASSWORD": "own"}),
        (DATABASE | {"PGREQUIREAUTH": "none"}, REQUIRED_LOGIN | {"PGPASSWORD": "app_user at 5432"}),
        (DATABASE | {"PGHOST": "db.example.com"}, {}),
        (DATABASE | {"PGPORT": ""}, {}),
        (DATABASE | {"PGUSER": "stranger"}, REQUIRED_LOGIN),
        ({}, {}),
    ],
)
def test_libpq_gets_the_password_of_a_role_of_ours(
    tmp_path: Path, environment: dict[str, str], login: dict[str, str]
) -> None:
    assert _Servers(StateDir(tmp_path), 5432, Spawner(), None).login(environment) == login
