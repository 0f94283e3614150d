"""One-off tasks: started once, followed to the last line, and what their end means."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from opsctl.aws.ecs import Task
from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.logs import LogPage, Logs
from opsctl.deploy.events import Event, LogLine, Note
from opsctl.deploy.left_running import DetachedError, UnansweredError
from opsctl.deploy.tasks import TaskFailedError, TaskRequest, TaskRunner, how_it_ended
from opsctl.errors import ExitCode

from .bench import Clock, Detach
from .world import FakeEcs, ended

REQUEST = TaskRequest("migrate", "dev", "migrate:2", ("s-1",), ("g-1",), "jobs", "migrate")


@dataclass
class PagedLog(Logs):
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
        self.clock = Clock()
        self.detach = Detach(self.clock)

    def run(self, token: str | None = None) -> Task:
        runner = TaskRunner(
            self.ecs, self.logs, self.events.append, poll_seconds=2.0, clock=self.clock, detach=self.detach
        )
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
    with pytest.raises(TaskFailedError, match=r"^migrate failed: There is nothing to do \(exit code 1\)\."):
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


@dataclass
class Unknowing(FakeEcs):
    """ECS that does not know a new task for its first `unknown` looks, nor any task once `forgotten` is set."""

    unknown: int = 0
    forgotten: bool = False

    def task(self, cluster: str, arn: str) -> Task | None:
        self.unknown -= 1
        return None if self.unknown >= 0 or self.forgotten else super().task(cluster, arn)


def test_a_task_that_ecs_does_not_know_yet_is_asked_for_again() -> None:
    """RunTask answers before DescribeTasks knows of it; a migration must not count as failed while it runs."""
    desk = Desk(ecs=Unknowing([], unknown=3))
    assert desk.run().succeeded
    assert desk.ecs.calls == [("run_task", "migrate")]


def test_a_task_that_ecs_does_not_know_after_a_minute_did_not_succeed() -> None:
    desk = Desk(ecs=Unknowing([], forgotten=True))
    started = desk.clock()
    with pytest.raises(TaskFailedError, match="Forgotten: ECS does not know it any more"):
        desk.run()
    assert 60 <= desk.clock() - started <= 70


def test_an_answer_that_goes_back_a_step_does_not_fail_a_task_that_runs() -> None:
    """Reads are eventually consistent, and a stopped task stays known for about an hour."""
    answers = iter([Task("task/1", "RUNNING"), None, None, Task("task/1", "RUNNING"), ended()])

    class Wavering(FakeEcs):
        def task(self, cluster: str, arn: str) -> Task | None:
            return next(answers)

    assert Desk(ecs=Wavering([])).run().succeeded


def test_a_task_that_stays_unknown_after_it_was_known_did_not_succeed() -> None:
    class Forgetful(Unknowing):
        def task(self, cluster: str, arn: str) -> Task | None:
            found, self.forgotten = super().task(cluster, arn), True
            return found

    desk = Desk(ecs=Forgetful([]))
    desk.ecs.ends = [Task("task/1", "RUNNING")]
    with pytest.raises(TaskFailedError, match="Forgotten"):
        desk.run()


def test_a_log_that_may_not_be_read_is_told_once_and_does_not_decide() -> None:
    class Closed(PagedLog):
        def page(self, group: str, stream: str, token: str | None = None) -> LogPage:
            raise AwsRefusedError("AWS denied GetLogEvents.", aws_code="AccessDeniedException")

    desk = Desk(logs=Closed())
    desk.ecs.ends = [Task("task/1", "RUNNING"), ended()]
    assert desk.run().succeeded
    assert desk.events == [Note("migrate: its log can't be read, the task is watched on. AWS denied GetLogEvents.")]


def test_an_empty_page_is_not_the_end_of_a_log() -> None:
    """GetLogEvents answers empty pages in the middle of a stream; only an unchanged token is the end."""
    desk = Desk()
    desk.logs.pages = [(), (), (), (), (), ("far behind",)]
    desk.run()
    assert desk.lines == ["far behind"]


class Refusing(FakeEcs):
    """ECS that answers nothing while `refused` is above 0."""

    refused = 3

    def task(self, cluster: str, arn: str) -> Task | None:
        self.refused -= 1
        if self.refused >= 0:
            raise AwsRefusedError("AWS does not accept these credentials.", aws_code="ExpiredToken")
        return super().task(cluster, arn)


def test_questions_that_are_not_answered_do_not_end_a_running_task() -> None:
    desk = Desk(ecs=Refusing([]))
    assert desk.run().succeeded
    notes = [event.text for event in desk.events if isinstance(event, Note)]
    assert notes == [
        "AWS does not accept these credentials. The task run1-migrate goes on; it is asked again for up to 5 minutes.",
        "AWS answers again.",
    ]


def test_after_minutes_without_an_answer_the_way_back_to_the_task_is_named() -> None:
    ecs = Refusing([])
    ecs.refused = 1_000_000
    desk = Desk(ecs=ecs)
    with pytest.raises(UnansweredError, match=r"After 5 minutes .* The task run1-migrate goes on\.") as caught:
        desk.run()
    assert "`opsctl deploy` follows it" in caught.value.hint
    assert caught.value.exit_code == ExitCode.AWS_REFUSED


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


def test_a_task_that_never_started_fails_with_the_cause_and_what_to_do() -> None:
    desk = Desk()
    why = "CannotPullContainerError: has been retried 1 time(s): failed to resolve ref x.y/app:1: not found"
    desk.ecs.ends = [Task("task/1", "STOPPED", "TaskFailedToStart", why)]
    with pytest.raises(TaskFailedError) as caught:
        desk.run()
    assert caught.value.message == "migrate failed: the image x.y/app:1 can't be pulled: it is not in the registry."
    assert caught.value.hint.startswith("Push it")
    assert caught.value.hint.endswith(" Nothing after it was changed, and a release that was running keeps serving.")


def test_a_task_whose_log_ends_in_a_traceback_says_what_was_raised() -> None:
    desk = Desk()
    desk.ecs.ends = [ended(1)]
    frame = '  File "/app/a.py", line 1, in f'
    desk.logs.pages = [
        ("Traceback (most recent call last):", frame, "django.db.utils.ProgrammingError: no such function")
    ]
    with pytest.raises(TaskFailedError, match=r"^migrate failed: ProgrammingError: no such function \("):
        desk.run()
