"""One-off tasks: started once, followed to the last line, and what their end means."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from opsctl.aws.ecs import Task
from opsctl.aws.logs import LogPage
from opsctl.deploy.events import Event, LogLine, Note
from opsctl.deploy.stream import DetachedError
from opsctl.deploy.tasks import TaskFailedError, TaskRequest, TaskRunner, how_it_ended
from opsctl.errors import ExitCode

from .fakes import Clock, Detach
from .world import FakeEcs, ended

REQUEST = TaskRequest("migrate", "dev", "migrate:2", ("s-1",), ("g-1",), "jobs", "migrate")


@dataclass
class PagedLog:
    """Pages of one stream, by token; asked for again at its end, a stream gives nothing."""

    pages: list[tuple[str, ...]] = field(default_factory=list)
    streams: set[str] = field(default_factory=set)

    def page(self, group: str, stream: str, token: str | None = None) -> LogPage:
        self.streams.add(f"{group}:{stream}")
        number = int(token or 0)
        lines = self.pages[number] if number < len(self.pages) else ()
        return LogPage(lines, str(min(number + 1, len(self.pages))))


@dataclass
class Desk:
    """A runner on fakes."""

    ecs: FakeEcs = field(default_factory=lambda: FakeEcs([]))
    logs: PagedLog = field(default_factory=PagedLog)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.detach = Detach(Clock())

    def run(self, token: str | None = None) -> Task:
        runner = TaskRunner(self.ecs, self.logs, self.events.append, poll_seconds=2.0, detach=self.detach)
        return runner.run(REQUEST, token=token or "run1-migrate")

    @property
    def lines(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, LogLine)]


def test_a_task_is_started_and_its_log_shown_as_it_comes() -> None:
    desk = Desk()
    running = Task("task/run1-migrate", "RUNNING")
    desk.ecs.ends = [running, running, ended()]
    desk.logs.pages = [("one",), (), ("two", "three")]
    assert desk.run().succeeded
    assert desk.lines == ["one", "two", "three"]
    assert desk.logs.streams == {"jobs:migrate/migrate/run1-migrate"}
    assert desk.ecs.calls == [("run_task", "migrate")]


def test_lines_that_arrive_after_the_end_are_shown_too() -> None:
    desk = Desk()
    desk.logs.pages = [(), (), ("late",), ("later",)]
    desk.run()
    assert desk.lines == ["late", "later"]


def test_a_task_of_an_interrupted_deploy_is_followed_and_not_started_twice() -> None:
    desk = Desk()
    desk.ecs.running = [Task("task/earlier", "RUNNING", task_definition="migrate:2")]
    desk.run()
    assert desk.ecs.calls == []
    assert desk.logs.streams == {"jobs:migrate/migrate/earlier"}
    assert [event for event in desk.events if isinstance(event, Note)] == [
        Note("migrate: task earlier still runs; following it instead of starting another.")
    ]


def test_a_task_of_another_release_does_not_stand_for_this_ones() -> None:
    desk = Desk()
    desk.ecs.running = [Task("task/earlier", "RUNNING", task_definition="migrate:1")]
    desk.run()
    assert desk.ecs.calls == [("run_task", "migrate")]


def test_a_token_is_never_longer_than_ecs_takes() -> None:
    desk = Desk()
    desk.run(token="x" * 100)
    assert desk.logs.streams == {f"jobs:migrate/migrate/{'x' * 64}"}


def test_a_failure_shows_the_last_twenty_lines_and_its_exit_code() -> None:
    desk = Desk()
    desk.ecs.ends = [ended(3)]
    desk.logs.pages = [tuple(f"line {number}" for number in range(30))]
    with pytest.raises(TaskFailedError, match="migrate failed: exit code 3") as caught:
        desk.run()
    assert caught.value.detail == tuple(f"line {number}" for number in range(10, 30))


def test_a_failure_repeats_the_sentence_in_which_the_command_said_why() -> None:
    desk = Desk()
    desk.ecs.ends = [ended(1)]
    desk.logs.pages = [("one", "CommandError: There is nothing to do."), ("bye",)]
    with pytest.raises(TaskFailedError, match=r"^migrate failed: exit code 1\. There is nothing to do\."):
        desk.run()


@pytest.mark.parametrize(("code", "ours"), [(75, ExitCode.BUSY), (1, ExitCode.FAILED), (137, ExitCode.FAILED)])
def test_a_task_that_was_busy_ends_opsctl_as_busy(code: int, ours: ExitCode) -> None:
    desk = Desk()
    desk.ecs.ends = [ended(code)]
    with pytest.raises(TaskFailedError) as caught:
        desk.run()
    assert caught.value.exit_code == ours


def test_a_task_is_found_by_its_command_so_that_nobody_follows_another_ones() -> None:
    names = [
        replace(REQUEST, command=command).started_by
        for command in (None, ("rollback",), ("rollback", "--to", "3"), ("rollback", "--to 3"))
    ]
    assert names[0] == "opsctl-migrate"
    assert len(set(names)) == 4
    assert replace(REQUEST, command=("rollback",)).started_by == names[1]
    # What ECS takes.
    assert len(replace(REQUEST, name="x" * 60, command=("y",)).started_by) <= 36


def test_a_task_that_ecs_forgot_did_not_succeed() -> None:
    class Forgetful(FakeEcs):
        def task(self, cluster: str, arn: str) -> Task | None:
            return None

    desk = Desk(ecs=Forgetful([]))
    with pytest.raises(TaskFailedError, match="Forgotten: ECS forgot it"):
        desk.run()


def test_ctrl_c_leaves_the_task_running_and_says_so() -> None:
    desk = Desk()
    desk.ecs.ends = [Task("task/1", "RUNNING")]
    desk.detach.set()
    with pytest.raises(DetachedError, match="the task run1-migrate goes on") as caught:
        desk.run()
    assert "opsctl deploy" in caught.value.hint


STOPPED = Task("task/1", "STOPPED")


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (ended(2), "exit code 2"),
        (replace(STOPPED, exit_code=137, container_reason="OutOfMemoryError"), "exit code 137"),
        (replace(STOPPED, stop_code="TaskFailedToStart", reason="CannotPullContainerError"),
         "TaskFailedToStart: CannotPullContainerError"),
        (replace(STOPPED, stop_code="SpotInterruption", exit_code=0, reason="taken"), "SpotInterruption: taken"),
        (replace(STOPPED, stop_code="TaskFailedToStart", reason="a", container_reason="b"), "TaskFailedToStart: b"),
        (replace(STOPPED, stop_code="UserInitiated"), "UserInitiated"),
        (STOPPED, "STOPPED"),
    ],
)  # fmt: skip
def test_an_end_is_told_in_words(task: Task, text: str) -> None:
    assert how_it_ended(task) == text
