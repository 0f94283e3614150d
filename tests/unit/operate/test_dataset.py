"""Which words the dataset task of an environment is started with, and what comes back of its log."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.aws.ecs import Task
from opsctl.aws.logs import LogPage
from opsctl.config.models import Environment
from opsctl.deploy.events import Event, LogLine, StepFinished, StepStarted, silent
from opsctl.deploy.tasks import TaskFailedError
from opsctl.errors import OpsctlError
from opsctl.operate.dataset import (
    Step,
    list_releases,
    opens,
    refuse_closed_sources,
    roll_back,
    rollback_asked,
    run_step,
    s3_place,
)
from tests.unit.deploy.fakes import FakeCloudFormation, template
from tests.unit.operate.shop import lasting

OUTPUTS = {
    "platform": {"DatasetBucketName": "data", "ClusterName": "dev", "JobsLogGroupName": "jobs"},
    "network": {"PrivateSubnetIds": "s-1", "JobsSecurityGroupId": "g"},
    "app": {"DatasetTaskDefinitionArn": "dataset:1"},
}


def environment(name: str, *reads: str) -> Environment:
    """One whose application has a job and a bucket of this name."""
    job = {"command": ("python", "manage.py", "refresh_salary_dataset"), "reads": reads}
    return Environment.model_validate(
        {
            "name": name, "service": "salaries", "client": "acme", "region": "sa-east-1",
            "application": {"jobs": {"dataset": job}, "buckets": {"dataset": None}},
        }
    )  # fmt: skip


@dataclass
class Account:
    """ECS, its log and S3; keeps the command of the task that was started."""

    lines: tuple[str, ...] = ()
    command: tuple[str, ...] | None = ("nothing was started",)
    exit_code: int = 0

    def run_task(self, *, command: tuple[str, ...] | None, **_: Any) -> Task:
        self.command = command
        return Task("task/1", "RUNNING", task_definition="dataset:1")

    def tasks(self, cluster: str, *, started_by: str) -> list[Task]:
        return []

    def task(self, cluster: str, arn: str) -> Task:
        return Task(arn, "STOPPED", "EssentialContainerExited", "", self.exit_code)

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
            env=environment("dev"),
            is_local=True,
            poll_seconds=0.0,
            workspace=SimpleNamespace(root=self.root),
            outlasting=lasting,
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
        ("refresh", ["--allow-rolled-back"], "python manage.py refresh_salary_dataset --allow-rolled-back"),
    ],
)  # fmt: skip
def test_each_step_runs_its_part_of_the_refresh(desk: Desk, step: Step, flags: list[str], words: str | None) -> None:
    run_step(desk.target, step, flags, silent)
    assert desk.words == words


def test_the_result_holds_what_the_task_printed_without_the_services_own_log(desk: Desk) -> None:
    told: list[Event] = []
    desk.account.lines = (
        '{"time": "now", "level": "INFO", "message": "Found endpoint for s3"}',
        '{"time": "now", "level": "WARNING", "message": "slow"}',
        "170 rows in = 170 rows out",
    )
    result = run_step(desk.target, "build", [], told.append)
    assert result["log"] == ["170 rows in = 170 rows out"]
    shown = [event.text for event in told if isinstance(event, LogLine)]
    assert shown == ["warning: slow", "170 rows in = 170 rows out"]


def test_raw_files_go_up_in_a_step_that_ends_before_the_task_begins(desk: Desk) -> None:
    told: list[Event] = []
    run_step(desk.target, "load", [], told.append)
    steps = [(type(event).__name__, event.step) for event in told if isinstance(event, StepStarted | StepFinished)]
    assert steps == [
        ("StepStarted", "sync"), ("StepFinished", "sync"), ("StepStarted", "dataset"), ("StepFinished", "dataset")
    ]  # fmt: skip


def test_a_failure_is_told_once_and_says_what_to_do(desk: Desk) -> None:
    told: list[Event] = []
    desk.account.lines, desk.account.exit_code = ("CommandError: There is no CSV.",), 1
    with pytest.raises(TaskFailedError, match=r"^dataset failed: There is no CSV \(exit code 1\)\.") as caught:
        run_step(desk.target, "build", [], told.append)
    assert not [event for event in told if "There is no CSV" in str(event)]
    assert "run `opsctl dataset build --env dev` again" in caught.value.hint


def test_rows_that_were_rolled_back_from_have_an_exit_code_and_a_way_out(desk: Desk) -> None:
    desk.account.lines, desk.account.exit_code = ("CommandError: The rows are those of release r2.",), 6
    with pytest.raises(TaskFailedError, match=r"^The rows are those of release r2\.") as caught:
        run_step(desk.target, "refresh", [], silent)
    assert (caught.value.code, caught.value.exit_code) == ("rolled-back", 6)
    assert "opsctl dataset raw remove NAME --env dev" in caught.value.hint
    assert "opsctl dataset refresh --env dev --allow-rolled-back" in caught.value.hint


@pytest.mark.parametrize(
    ("release", "words"),
    [
        (None, "python manage.py rollback_salary_release"),
        (3, "python manage.py rollback_salary_release --to 3"),
    ],
)
def test_a_rollback_names_the_release_when_one_was_given(desk: Desk, release: int | None, words: str) -> None:
    roll_back(desk.target, release, silent)
    assert desk.words == words


def test_releases_come_out_of_the_log(desk: Desk) -> None:
    desk.account.lines = ('{"releases": [{"release": 1}]}',)
    told: list[Event] = []
    found = list_releases(desk.target, told.append)
    assert found == {"environment": "dev", "releases": [{"release": 1}], "activations": []}
    assert desk.words == "python manage.py salary_releases --json"
    assert not [event for event in told if isinstance(event, LogLine)], "a list is a table for people, and no JSON"


def test_an_environment_that_is_not_deployed_starts_nothing(desk: Desk) -> None:
    del desk.outputs["app"]
    with pytest.raises(OpsctlError, match="The app stack of dev is not deployed") as caught:
        run_step(desk.target, "load", [], silent)
    assert "opsctl deploy --env dev" in caught.value.hint
    assert desk.words == "nothing was started"


# -- sources in S3 -----------------------------------------------------------------------------------------------------

PLACES = {
    "s3://open-data/salaries/2026.csv": ("open-data", "salaries/2026.csv"),
    "https://open-data.s3.sa-east-1.amazonaws.com/a%20b.csv": ("open-data", "a b.csv"),
    "https://open-data.s3-sa-east-1.amazonaws.com/a.csv": ("open-data", "a.csv"),
    "https://open-data.s3.dualstack.sa-east-1.amazonaws.com/a.csv": ("open-data", "a.csv"),
    "https://s3.sa-east-1.amazonaws.com/open-data/a.csv": ("open-data", "a.csv"),
    "https://open-data.s3.amazonaws.com/a.csv": ("open-data", "a.csv"),
    "https://open.data.s3.sa-east-1.amazonaws.com/a.csv": ("open.data", "a.csv"),
    # Another region's S3 is reached like any other host.
    "https://open-data.s3.us-east-1.amazonaws.com/a.csv": None,
    "https://example.com/a.csv": None,
    "https://s3.example.com/open-data/a.csv": None,
    "https://s3.sa-east-1.amazonaws.com.example.com/open-data/a.csv": None,
    "sample_salaries.csv": None,
}


@pytest.mark.parametrize(("url", "place"), PLACES.items(), ids=list(PLACES))
def test_what_of_s3_goes_through_the_networks_endpoint(url: str, place: tuple[str, str] | None) -> None:
    assert s3_place(url, "sa-east-1") == place


@pytest.mark.parametrize(
    ("location", "open_"),
    [("open-data", True), ("open-data/sal", True), ("open-data/salaries/", True), ("open-data/other", False),
     ("open", False), ("open-data-2", False)],
)  # fmt: skip
def test_a_location_opens_a_bucket_or_what_begins_with_its_prefix(location: str, open_: bool) -> None:
    assert opens(location, "open-data", "salaries/2026.csv") is open_


def on_aws(root: Path, sources: object, *listed: str) -> Any:
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "salary_sources.json").write_text(json.dumps(sources))
    env = environment("prd", *listed)
    return SimpleNamespace(is_local=False, env=env, workspace=SimpleNamespace(root=root))


SOURCES = {"sources": [
    {"name": "open", "url": "s3://open-data/a.csv"}, {"name": "off", "url": "s3://off/a.csv", "enabled": False},
    {"name": "web", "url": "https://example.com/a.csv"},
]}  # fmt: skip


def test_a_source_that_the_task_could_not_read_is_told_before_it_starts(tmp_path: Path) -> None:
    with pytest.raises(OpsctlError, match="may not read 1 of its sources") as caught:
        refuse_closed_sources(on_aws(tmp_path, SOURCES))
    assert caught.value.detail == ("open: open-data/a.csv",)
    assert "application.jobs.dataset.reads" in caught.value.hint
    refuse_closed_sources(on_aws(tmp_path, SOURCES, "open-data"))


@pytest.mark.parametrize("content", [[], {}, {"sources": None}, {"sources": [None]}, {"sources": [{"name": "x"}]}])
def test_a_list_that_can_not_be_read_here_is_left_to_the_task(tmp_path: Path, content: object) -> None:
    refuse_closed_sources(on_aws(tmp_path, content))


def kept(number: int, rows: int, *, active: bool = False, rolled_back: bool = False) -> dict[str, Any]:
    return {
        "release": number, "rows": rows, "created_at": f"2026-11-0{number}", "active": active,
        "rolled_back": rolled_back,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("flips", "asked", "leads_to"),
    [
        ([(3, "load"), (2, "load"), (1, "load")], None, "release r2 (1,200 rows, of 2026-11-02)"),
        ([(1, "rollback"), (3, "load"), (2, "load"), (1, "load")], None, "the release that was active before"),
        ([(3, "load"), (1, "rollback"), (2, "load"), (1, "load")], None, "release r1 (1,100 rows, of 2026-11-01)"),
        ([(3, "load"), (2, "load"), (1, "load")], 1, "release r1 (1,100 rows, of 2026-11-01)"),
        ([(3, "load")], 9, "release r9 "),
        ([], None, "the release that was active before"),
    ],
)
def test_the_question_of_a_rollback_names_release_rows_and_date(
    desk: Desk, flips: list[tuple[int, str]], asked: int | None, leads_to: str
) -> None:
    active = flips[0][0] if flips else 3
    listed = {
        "releases": [kept(number, 1000 + 100 * number, active=number == active) for number in (3, 2, 1)],
        "activations": [{"release": number, "how": how} for number, how in flips],
    }
    desk.account.lines = (json.dumps(listed),)
    release, question = rollback_asked(desk.target, asked, silent)
    assert leads_to in question
    assert question.endswith("dev?") or f"instead of r{active} ({1000 + 100 * active:,} rows)?" in question
    assert asked is None or release == asked
