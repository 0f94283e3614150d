"""A rotation of the master's password in the four steps of AWS's rotation functions, on a real PostgreSQL and the
emulator's Secrets Manager, with db init between every two: directly, and in the DbInit function.

The hosted rotation function itself does not run here: its template is AWS's own, and the emulator only records the
schedule.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg2
import pytest

from opsctl.config.loader import load
from opsctl.config.naming import role_mapping
from tests.soak import rounds

from .conftest import Project

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]


@dataclass(frozen=True)
class Rotation:
    """One rotation of one project's master secret, as the caller of its four steps."""

    project: Project
    token: str

    @classmethod
    def begin(cls, project: Project) -> Rotation:
        return cls(project, secrets.token_hex(16))

    @cached_property
    def outputs(self) -> dict[str, dict[str, str]]:
        found = self.project.opsctl("outputs", "--env", "local", "--json").json
        assert isinstance(found, dict)
        return found

    def client(self, service: str) -> Any:
        return self.project.client(service)

    @property
    def arn(self) -> str:
        return self.outputs["data"]["MasterSecretArn"]

    def read(self, stage: str) -> dict[str, Any]:
        answer = self.client("secretsmanager").get_secret_value(SecretId=self.arn, VersionStage=stage)
        found = json.loads(answer["SecretString"])
        assert isinstance(found, dict)
        return {**found, "version": answer["VersionId"]}

    def log_in(self, stage: str) -> Any:
        login, data = self.read(stage), self.outputs["data"]
        return psycopg2.connect(
            host=data["DatabaseHost"], port=data["DatabasePort"], dbname=data["DatabaseName"], user=login["username"],
            password=login["password"],
        )  # fmt: skip

    # -- the four steps --------------------------------------------------------------------------------------------

    def create_secret(self) -> None:
        """A new password, stored as AWSPENDING; the server doesn't know it yet."""
        now = self.read("AWSCURRENT")
        now.pop("version")
        self._take_pending_away()
        self.client("secretsmanager").put_secret_value(
            SecretId=self.arn, ClientRequestToken=self.token, VersionStages=["AWSPENDING"],
            SecretString=json.dumps({**now, "password": secrets.token_urlsafe(24)}),
        )  # fmt: skip

    def _take_pending_away(self) -> None:
        """NOTE: on AWS a stage belongs to one version, and PutSecretValue moves it. ministack 1.5.33 leaves it on the
        version of the last rotation as well, and may then answer with that one.
        """
        client = self.client("secretsmanager")
        for version in client.list_secret_version_ids(SecretId=self.arn)["Versions"]:
            if "AWSPENDING" in version["VersionStages"]:
                client.update_secret_version_stage(
                    SecretId=self.arn, VersionStage="AWSPENDING", RemoveFromVersionId=version["VersionId"]
                )

    def set_secret(self) -> None:
        """From here on the server takes the new password only; AWSCURRENT is still the old one."""
        with closing(self.log_in("AWSCURRENT")) as connection, connection, connection.cursor() as cursor:
            pending = self.read("AWSPENDING")
            cursor.execute(f'ALTER USER "{pending["username"]}" WITH PASSWORD %s', [pending["password"]])

    def test_secret(self) -> None:
        with closing(self.log_in("AWSPENDING")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def finish_secret(self) -> None:
        """AWSPENDING becomes AWSCURRENT."""
        self.client("secretsmanager").update_secret_version_stage(
            SecretId=self.arn, VersionStage="AWSCURRENT", MoveToVersionId=self.token,
            RemoveFromVersionId=self.read("AWSCURRENT")["version"],
        )  # fmt: skip

    @property
    def steps(self) -> tuple[Callable[[], None], ...]:
        return (self.create_secret, self.set_secret, self.test_secret, self.finish_secret)

    # -- db init ---------------------------------------------------------------------------------------------------

    def init_directly(self) -> dict[str, Any]:
        """`opsctl db init`, as a person runs it."""
        ran = self.project.opsctl("db", "init", "--env", "local", "--json")
        assert ran.code == 0, ran.err
        report = ran.json
        assert isinstance(report, dict)
        return report

    def init_in_function(self) -> dict[str, Any]:
        """The DbInit function, called as `opsctl db init` calls it on AWS."""
        environment = load(self.project.root / "environments.yaml").environment("local")
        data = self.outputs["data"]
        properties = {
            "MasterSecretArn": self.arn, "Host": data["DatabaseHost"], "Port": data["DatabasePort"],
            "Database": data["DatabaseName"], "Roles": role_mapping(environment), "Auth": "trust",
        }  # fmt: skip
        answer = self.client("lambda").invoke(
            FunctionName=self.outputs["functions"]["DbInitFunctionName"],
            Payload=json.dumps({"Action": "init", "ResourceProperties": properties}),
        )
        report = json.loads(answer["Payload"].read())
        assert isinstance(report, dict)
        return report


def test_db_init_works_before_between_and_after_all_steps(project: Project) -> None:
    for _ in range(rounds(sample=1, whole=2)):
        rotation = Rotation.begin(project)
        old = rotation.read("AWSCURRENT")["password"]
        for step in (lambda: None, *rotation.steps):
            step()
            assert rotation.init_directly()["changed"] is False
            report = rotation.init_in_function()
            assert report.get("changed") is False, report
        assert rotation.read("AWSCURRENT")["password"] != old
        assert rotation.read("AWSCURRENT")["version"] == rotation.token


@contextmanager
def again_and_again(work: Callable[[], dict[str, Any]], reports: list[dict[str, Any]]) -> Iterator[None]:
    """Do `work` until the block ends, whatever happens meanwhile."""
    end = threading.Event()

    def loop() -> None:
        while not end.is_set():
            reports.append(work())

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@pytest.mark.soak
def test_db_init_works_while_rotations_go_on(project: Project) -> None:
    reports: list[dict[str, Any]] = []
    with again_and_again(Rotation.begin(project).init_in_function, reports):
        for _ in range(10):
            for step in Rotation.begin(project).steps:
                step()
    assert len(reports) > 10
    assert [report for report in reports if report.get("changed") is not False] == []


def test_the_deploy_after_a_rotation_changes_nothing(project: Project) -> None:
    assert project.deploy().json["changed"] is False
    assert project.get("/readyz")[0] == 200
