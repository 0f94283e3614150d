"""Which words the dataset task of an environment is started with, and what comes back of its log."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.aws.ecs import Task
from opsctl.aws.logs import LogPage
from opsctl.cli.datasets import Step, list_releases, roll_back, run_step
from opsctl.errors import OpsctlError
from tests.unit.deploy.fakes import FakeCloudFormation, template

OUTPUTS = {
    "platform": {"DatasetBucketName": "data", "ClusterName": "dev", "JobsLogGroupName": "jobs"},
    "network": {"PrivateSubnetIds": "s-1", "JobsSecurityGroupId": "g"},
    "app": {"DatasetTaskDefinitionArn": "dataset:1"},
}


@dataclass
class Account:
    """ECS, its log and S3; keeps the command of the task that was started."""

    lines: tuple[str, ...] = ()
    command: tuple[str, ...] | None = ("nothing was started",)

    def run_task(self, *, command: tuple[str, ...] | None, **_: Any) -> Task:
        self.command = command
        return Task("task/1", "RUNNING", task_definition="dataset:1")

    def tasks(self, cluster: str, *, started_by: str) -> list[Task]:
        return []

    def task(self, cluster: str, arn: str) -> Task:
        return Task(arn, "STOPPED", "EssentialContainerExited", "", 0)

    def page(self, group: str, stream: str, token: str | None = None) -> LogPage:
        return LogPage(() if token else self.lines, "end")

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        return {}


@dataclass
class Desk:
    """An environment whose stacks are deployed."""

    root: Path
    account: Account = field(default_factory=Account)
    outputs: dict[str, dict[str, str]] = field(default_factory=lambda: dict(OUTPUTS))

    @property
    def target(self) -> Any:
        formation = FakeCloudFormation()
        for stack, values in self.outputs.items():
            formation.put(template(stack), "CREATE_COMPLETE", outputs=values)
        regional: Any = SimpleNamespace(
            ecs=self.account, logs=self.account, s3=self.account, cloudformation=formation, in_region=lambda _: regional
        )
        return SimpleNamespace(
            aws=regional,
            env=SimpleNamespace(name="dev"),
            is_local=True,
            workspace=SimpleNamespace(root=self.root),
            templates=tuple(template(stack) for stack in OUTPUTS),
            unwanted=(),
        )

    @property
    def words(self) -> str | None:
        return " ".join(self.account.command) if self.account.command is not None else None


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("step", "flags", "words"),
    [
        ("refresh", [], None),  # the task's own command, as the schedule starts it
        ("refresh", ["--strict"], "python manage.py refresh_salary_dataset --strict"),
        ("fetch", [], "python manage.py refresh_salary_dataset --only fetch"),
        ("build", [], "python manage.py refresh_salary_dataset --only build"),
        ("load", ["--append", "--allow-shrink"],
         "python manage.py refresh_salary_dataset --only load --append --allow-shrink"),
    ],
)  # fmt: skip
def test_each_step_runs_its_part_of_the_refresh(desk: Desk, step: Step, flags: list[str], words: str | None) -> None:
    run_step(desk.target, step, flags, as_json=True)
    assert desk.words == words


def test_the_result_holds_what_the_task_printed_without_the_services_own_log(desk: Desk) -> None:
    desk.account.lines = ('{"time": "now", "message": "found"}', "170 rows in = 170 rows out")
    result = run_step(desk.target, "build", [], as_json=True)
    assert result["log"] == ["170 rows in = 170 rows out"]


@pytest.mark.parametrize(
    ("release", "words"),
    [
        (None, "python manage.py rollback_salary_release"),
        (3, "python manage.py rollback_salary_release --to 3"),
    ],
)
def test_a_rollback_names_the_release_when_one_was_given(desk: Desk, release: int | None, words: str) -> None:
    roll_back(desk.target, release, as_json=True)
    assert desk.words == words


def test_releases_come_out_of_the_log(desk: Desk) -> None:
    desk.account.lines = ('{"releases": [{"release": 1}]}',)
    assert list_releases(desk.target, as_json=True) == {"environment": "dev", "releases": [{"release": 1}]}
    assert desk.words == "python manage.py salary_releases --json"


def test_an_environment_that_is_not_deployed_starts_nothing(desk: Desk) -> None:
    del desk.outputs["app"]
    with pytest.raises(OpsctlError, match="The app stack of dev is not deployed") as caught:
        run_step(desk.target, "load", [], as_json=True)
    assert "opsctl deploy --env dev" in caught.value.hint
    assert desk.words == "nothing was started"
