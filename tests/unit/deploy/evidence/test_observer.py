"""Evidence is collected while a service is in progress, once each; and never changes how the deploy goes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from opsctl.aws.ecs import Service, ServiceEvent, Task
from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.load_balancers import TargetHealth
from opsctl.deploy.events import Event, Evidence, Note, ResourceChanged
from opsctl.deploy.evidence.observer import Observer, failed
from opsctl.deploy.evidence.places import SERVICE, Place
from opsctl.deploy.evidence.redaction import Redactor
from tests.unit.deploy.fakes import START
from tests.unit.deploy.world import FakeAws

if TYPE_CHECKING:
    from opsctl.aws.session import Aws

PLACE = Place("logs", "dev", "dev-shop", "service", "targets")
LATER_BY = timedelta(seconds=30)
LATER = START + LATER_BY


def changed(status: str, kind: str = SERVICE, logical_id: str = "Service", at: datetime = START) -> ResourceChanged:
    return ResourceChanged("app", at, logical_id, kind, status)


def stopped(name: str, code: int | None = 1, reason: str = "Essential container in task exited", **more: Any) -> Task:
    return Task(f"task/{name}", "STOPPED", "EssentialContainerExited", reason, code, stopped=LATER, **more)


@dataclass
class Desk:
    """An observer whose thread never gets to ask by itself, unless `seconds` are given."""

    aws: FakeAws = field(default_factory=FakeAws)
    events: list[Event] = field(default_factory=list)
    learned: int = 0
    seconds: float = 3600.0
    place: Place | None = PLACE

    def __post_init__(self) -> None:
        self.redact = Redactor()
        self.observer = Observer(
            cast("Aws", self.aws), self.events.append, lambda _: self.place, self.redact, seconds=self.seconds,
            learn=self._learn,
        )  # fmt: skip

    def _learn(self) -> None:
        self.learned += 1
        self.redact.learn(["correct horse"])

    def told(self) -> list[tuple[str, str]]:
        return [(event.kind, event.text) for event in self.events if isinstance(event, Evidence)]


def test_stopped_tasks_targets_and_service_events_are_evidence_the_oldest_first() -> None:
    desk = Desk()
    desk.aws.logs.lines = ("with correct horse",)
    desk.aws.ecs.stopped = [stopped("b"), stopped("a", 2), stopped("rolled-back", 0)]
    desk.aws.load_balancers.targets = (
        TargetHealth("10.0.0.1", 8000, "unhealthy", "Target.Timeout", "Request timed out"),
        TargetHealth("10.0.0.2", 8000, "healthy"),
    )
    events = (
        ServiceEvent(LATER, "unable to place"), ServiceEvent(LATER, "(service x) has started 1 tasks: (task a)."),
        ServiceEvent(START - timedelta(hours=1), "of yesterday"),
    )  # fmt: skip
    desk.aws.ecs.told = Service("x", 1, 0, 1, "IN_PROGRESS", "", "x:1", history=events)
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    found = desk.observer.conclude("app")
    assert desk.told() == [
        ("target", "unhealthy: Target.Timeout: Request timed out"),
        ("task", "Essential container in task exited"),
        ("task", "Essential container in task exited"),
        ("service", "unable to place"),
    ]
    assert [each["subject"] for each in found] == ["10.0.0.1:8000", "a", "b", "dev-shop"]
    assert found[1]["lines"] == ("with ***",)
    assert {each["resource"] for each in found} == {"Service"}
    assert found[1]["exit_code"] == 2
    assert found[1]["at"] == LATER.isoformat()
    assert desk.learned == 1
    desk.observer.close()


def test_what_was_seen_is_not_told_again_and_nothing_is_asked_after_the_end() -> None:
    desk = Desk()
    desk.aws.ecs.stopped = [stopped("a")]
    desk.observer(changed("CREATE_IN_PROGRESS"))
    first = desk.observer.conclude("app")
    desk.observer(changed("CREATE_FAILED"))
    assert desk.observer.conclude("app") == first
    assert len(desk.told()) == 1
    desk.observer.close()


def test_tasks_of_the_deploy_before_are_no_evidence() -> None:
    desk = Desk()
    before = Task("task/old", "STOPPED", "EssentialContainerExited", "", 1, stopped=START - timedelta(seconds=2))
    desk.aws.ecs.stopped = [before]
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    assert desk.observer.conclude("app") == []
    desk.observer.close()


def test_tasks_of_the_release_before_that_fail_meanwhile_or_after_the_roll_back_are_no_evidence() -> None:
    desk = Desk()
    desk.aws.ecs.stopped = [
        stopped("came-back", created=LATER), stopped("new", created=START), stopped("old", created=START - LATER_BY),
    ]  # fmt: skip
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    desk.observer(changed("UPDATE_FAILED", at=START + timedelta(seconds=20)))
    assert [each["subject"] for each in desk.observer.conclude("app")] == ["new"]
    desk.observer.close()


def test_a_task_that_is_still_stopping_is_told_once_it_has_its_exit_code_or_at_the_end() -> None:
    desk = Desk()
    reason = "Task failed ELB health checks in (target-group x)"
    stopping = Task("task/a", "DEPROVISIONING", "ServiceSchedulerInitiated", reason, None)
    desk.aws.ecs.stopped = [stopping]
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    desk.observer._look(list(desk.observer._watched.values()))
    assert desk.told() == []
    desk.aws.ecs.stopped = [replace(stopping, status="STOPPED", exit_code=137), replace(stopping, arn="task/b")]
    found = desk.observer.conclude("app")
    assert [(each["subject"], each["exit_code"]) for each in found] == [("b", None), ("a", 137)]
    desk.observer.close()


def test_a_failure_whose_beginning_was_not_seen_is_looked_at_all_the_same() -> None:
    desk = Desk()
    desk.aws.ecs.stopped = [stopped("a")]
    desk.observer(changed("UPDATE_FAILED"))
    assert len(desk.observer.conclude("app")) == 1
    desk.observer.close()


def test_a_service_that_came_up_is_watched_no_more_and_other_resources_never() -> None:
    desk = Desk()
    desk.aws.ecs.stopped = [stopped("a")]
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    desk.observer(changed("UPDATE_COMPLETE"))
    desk.observer(changed("CREATE_IN_PROGRESS", "AWS::SNS::Topic"))
    assert desk.observer.conclude("app") == []
    desk.observer.close()


def test_a_roll_back_that_completes_does_not_end_the_watching_of_what_failed() -> None:
    desk = Desk()
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    desk.observer(changed("UPDATE_FAILED"))
    desk.observer(changed("UPDATE_COMPLETE"))
    desk.aws.ecs.stopped = [stopped("late")]
    assert [each["subject"] for each in desk.observer.conclude("app")] == ["late"]
    desk.observer.close()


def test_a_custom_resource_is_watched_in_its_functions_log() -> None:
    desk = Desk(place=Place("/opsctl/dev/functions"))
    desk.aws.logs.lines = ("START RequestId: 1", '{"level": "ERROR", "message": "no way in"}', "END RequestId: 1")
    desk.observer(changed("CREATE_IN_PROGRESS", "Custom::DbInit", "DatabaseRoles"))
    desk.observer.conclude("app")
    assert desk.told() == [("function", "ERROR no way in")]
    desk.observer.close()


def test_a_task_that_ran_when_its_rollout_was_ended_is_evidence_by_its_log() -> None:
    """ECS says of it that it was told to stop, and its service is well again with the release before."""
    desk = Desk()
    desk.aws.logs.lines = ('  File "shop/urls.py", line 3', "SyntaxError: with correct horse")
    desk.aws.ecs.stopped = [
        Task("task/a", "STOPPED", "ServiceSchedulerInitiated", "Scaling activity initiated by deployment", 0)
    ]
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    desk.observer(changed("UPDATE_COMPLETE"))
    (found,) = desk.observer.conclude("app", task="a", verdict="the health check is answered with 500")
    assert (found["kind"], found["subject"], found["resource"]) == ("task", "a", "Service")
    assert found["text"] == "its rollout was ended: the health check is answered with 500"
    assert found["lines"][-1] == "SyntaxError: with ***"
    assert len(desk.observer.conclude("app", task="a", verdict="again")) == 1
    desk.observer.close()


def test_services_are_gone_through_while_no_event_can_add_one() -> None:
    desk = Desk()
    held: list[bool] = []

    class Services(dict[Any, Any]):
        def values(self) -> Any:
            held.append(desk.observer._guard.locked())
            return super().values()

    desk.observer._services = Services()
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    desk.observer.conclude("app", task="a", verdict="no answer")
    assert held == [True]
    desk.observer.close()


def test_one_without_a_log_is_none() -> None:
    desk = Desk()
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    assert desk.observer.conclude("app", task="a", verdict="no answer") == []
    desk.observer.close()


def test_what_can_not_be_read_is_noted_once_and_raises_nothing() -> None:
    desk = Desk()

    def refuse(cluster: str, service: str) -> list[Task]:
        raise AwsRefusedError("AWS denied ListTasks.")

    desk.aws.ecs.stopped_tasks = refuse  # type: ignore[method-assign]
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    desk.observer(changed("UPDATE_IN_PROGRESS", logical_id="WorkerService"))
    assert desk.observer.conclude("app") == []
    assert desk.events == [Note("Evidence for a failure can't be collected: AWS denied ListTasks.")]
    desk.observer.close()


def test_an_answer_that_is_not_as_documented_ends_nothing() -> None:
    desk = Desk()
    desk.aws.ecs.stopped = cast("list[Task]", [None])
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    assert desk.observer.conclude("app") == []
    assert isinstance(desk.events[0], Note)
    desk.observer.close()


def test_its_thread_asks_by_itself_after_a_failure_and_ends_when_closed() -> None:
    seen = threading.Event()
    desk = Desk()
    desk.observer._emit = lambda event: seen.set()
    desk.aws.ecs.stopped = [stopped("a")]
    desk.observer(changed("UPDATE_IN_PROGRESS"))
    desk.observer(changed("UPDATE_FAILED"))
    assert seen.wait(5)
    thread = desk.observer._thread
    assert thread is not None
    desk.observer.close()
    thread.join(5)
    assert not thread.is_alive()


def test_without_a_service_in_progress_there_is_no_thread() -> None:
    desk = Desk()
    desk.observer(changed("UPDATE_COMPLETE"))
    desk.observer(changed("CREATE_IN_PROGRESS", "AWS::SNS::Topic"))
    assert desk.observer._thread is None


def test_tasks_that_were_ended_on_purpose_did_not_fail() -> None:
    assert failed(stopped("a"))
    assert failed(stopped("a", None, "CannotPullContainerError: x"))
    assert failed(stopped("a", 0, "Task failed ELB health checks in (target-group x)"))
    assert not failed(stopped("a", 0))
    assert not failed(Task("a", "STOPPED", "SpotInterruption", "Your Spot Task was interrupted.", 143))
    assert not failed(Task("a", "STOPPED", "TerminationNotice", "ECS is performing maintenance", 137))
    assert failed(Task("a", "STOPPED", "ServiceSchedulerInitiated", "Task failed container health checks", 137))
    assert not failed(stopped("a", 143, "Scaling activity initiated by (deployment ecs-svc/1)"))
