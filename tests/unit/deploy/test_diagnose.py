"""Why a service did not come up; the explanation of a failure must not fail itself."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from opsctl.aws.ecs import Ecs, Service, Task
from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.logs import Logs
from opsctl.deploy.diagnose import service_failure


@dataclass
class FakeService(Ecs):
    stopped: list[Task] = field(default_factory=list)
    found: Service | None = None
    denied: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    def service(self, cluster: str, name: str) -> Service | None:
        return self.found

    def stopped_tasks(self, cluster: str, service: str) -> list[Task]:
        self.asked.append((cluster, service))
        if self.denied:
            raise AwsRefusedError("AWS denied ListTasks.")
        return self.stopped


@dataclass
class Tail(Logs):
    """A log that says which stream was read, or what it is given."""

    lines: tuple[str, ...] = ()

    def tail(self, group: str, stream: str, count: int = 20) -> tuple[str, ...]:
        return self.lines or (f"{group} {stream}",)


def explained(ecs: FakeService, service: str = "web", log: tuple[str, ...] = ()) -> tuple[str, ...]:
    return service_failure(ecs, Tail(log), cluster="dev", service=service, log_group="logs")


def task(name: str, code: int | None) -> Task:
    return Task(f"task/{name}", "STOPPED", "EssentialContainerExited", "", code)


def test_the_newest_task_that_failed_is_told_below_its_log() -> None:
    ecs = FakeService([task("rolled-back", 0), task("bad", 1), task("worse", 2)])
    assert explained(ecs) == ("logs service/service/bad", "Task bad stopped: exit code 1.")


def test_a_task_that_failed_its_health_checks_is_to_blame_and_not_one_of_the_deploy_before() -> None:
    reason = "Task failed ELB health checks in (target-group arn)"
    unhealthy = Task("task/new", "STOPPED", "ServiceSchedulerInitiated", reason, 0)
    last = explained(FakeService([task("rolled-back", 0), unhealthy, task("old", 127)]))[-1]
    assert last == f"Task new stopped: ServiceSchedulerInitiated: {reason}."


@pytest.mark.parametrize(
    ("log", "ended"),
    [
        (('  File "wsgi.py", line 17', "RuntimeError: boom at start.", "[ERROR] Worker exited with code 3."),
         "exit code 3, RuntimeError: boom at start."),
        (('  File "a.py", line 1', "KeyError: 'A'", "", '  File "b.py", line 2', "app.errors.Lost: no", "Ended"),
         "exit code 3, app.errors.Lost: no."),
        (("CommandError: Unknown command: 'work'",), "exit code 3, CommandError: Unknown command: 'work'."),
        (("    raise SystemExit", "AssertionError"), "exit code 3, AssertionError."),
        (("ready: yes", "  indented", "[INFO] Booting worker"), "exit code 3."),
        (("Starting: web", "GET /: 200"), "exit code 3."),
    ],
)  # fmt: skip
def test_the_exception_in_the_log_is_told_with_the_exit_code(log: tuple[str, ...], ended: str) -> None:
    assert explained(FakeService([task("a", 3)]), log=log)[-1] == f"Task a stopped: {ended}"


def test_a_task_that_ended_well_is_not_blamed_for_what_it_logged() -> None:
    log = ("  frame", "ValueError: handled")
    assert explained(FakeService([task("a", 0)]), log=log)[-1] == "Task a stopped: exit code 0."


def test_when_all_ended_well_the_newest_is_told() -> None:
    assert explained(FakeService([task("b", 0), task("a", 0)]))[-1] == "Task b stopped: exit code 0."


def test_a_task_that_never_started_is_to_blame() -> None:
    never = Task("task/x", "STOPPED", "TaskFailedToStart", "CannotPullContainerError", None)
    last = explained(FakeService([task("ok", 0), never]))[-1]
    assert last == "Task x stopped: TaskFailedToStart: CannotPullContainerError."


def test_without_stopped_tasks_the_services_own_messages_are_told() -> None:
    found = Service("web", 1, 0, 0, "IN_PROGRESS", "", "web:1", ("unable to place a task",))
    assert explained(FakeService(found=found)) == ("unable to place a task",)
    assert explained(FakeService()) == ()


def test_an_arn_is_shortened_to_the_services_name() -> None:
    ecs = FakeService()
    explained(ecs, "arn:aws:ecs:us-east-1:1:service/dev/web")
    assert ecs.asked == [("dev", "web")]


def test_what_may_not_be_read_is_said_and_never_raised() -> None:
    assert explained(FakeService(denied=True)) == ("(The service's tasks can't be read: AWS denied ListTasks.)",)
