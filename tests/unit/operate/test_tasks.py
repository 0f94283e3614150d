"""A one-off task from the command line: done, failed and left alone look the same whatever the task is."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.aws.ecs import Task
from opsctl.aws.logs import LogPage
from opsctl.cli.progress import listening
from opsctl.deploy.events import Event, LogLine, Note
from opsctl.deploy.left_running import DetachedError
from opsctl.deploy.tasks import TaskFailedError, TaskRequest
from opsctl.operate.tasks import UnmigratedModels, run_one_off
from tests.unit.operate.shop import lasting

REQUEST = TaskRequest("migrate", "c", "definition:1", ("subnet",), ("group",), "/log", "migrate")


class FakeEcs:
    """One task, which ends as told; None stands for a person who presses Ctrl-C while it runs."""

    def __init__(self, exit_code: int | None) -> None:
        self.exit_code = exit_code

    def run_task(self, **_: Any) -> Task:
        return Task("arn/task/1", "RUNNING", task_definition="definition:1")

    def tasks(self, cluster: str, *, started_by: str) -> list[Task]:
        return []

    def task(self, cluster: str, arn: str) -> Task:
        if self.exit_code is None:
            raise KeyboardInterrupt
        return Task(arn, "STOPPED", "EssentialContainerExited", "", self.exit_code)


class FakeLogs:
    """A stream without lines."""

    def page(self, group: str, stream: str, token: str | None = None) -> LogPage:
        return LogPage((), token)


def run(exit_code: int | None, **more: Any) -> Task:
    aws = SimpleNamespace(ecs=FakeEcs(exit_code), logs=FakeLogs())
    target: Any = SimpleNamespace(aws=aws, poll_seconds=0.1, outlasting=lasting)
    with listening(as_json=True) as emit:
        return run_one_off(target, REQUEST, emit, command="opsctl db migrate", text="apply", done="applied", **more)


def steps(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [(event["type"], event.get("outcome", "")) for event in events if event["type"].startswith("step-")]


def test_a_task_that_succeeds_ends_its_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(0).exit_code == 0
    assert steps(capsys) == [("step-started", ""), ("step-finished", "done")]


def test_a_task_that_fails_ends_its_step_as_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TaskFailedError, match="exit code 3"):
        run(3)
    assert steps(capsys) == [("step-started", ""), ("step-finished", "failed")]


def test_ctrl_c_leaves_the_task_and_says_how_to_follow_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DetachedError, match="the migrate task goes on") as caught:
        run(None)
    assert "opsctl db migrate" in caught.value.hint
    assert steps(capsys) == [("step-started", ""), ("step-finished", "detached")]


def test_models_without_a_migration_are_said_again_at_the_end() -> None:
    heard, told = UnmigratedModels(), list[Event]()
    heard(LogLine("migrate", "  No migrations to apply."))
    heard.repeat(told.append)
    assert told == []
    words = "Your models in app(s): 'shop' have changes that are not yet reflected in a migration."
    heard(LogLine("migrate", f"  {words}"))
    heard(LogLine("migrate", "  Run 'manage.py makemigrations' to make new migrations"))
    heard.repeat(told.append)
    assert told == [Note(f"{words} Run `manage.py makemigrations`, commit what it writes, and deploy again.")]
