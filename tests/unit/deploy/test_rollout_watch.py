"""The watch beside a stack's operation: when it looks, and how a hopeless rollout is ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import pytest

from opsctl.aws.cloudformation import StackEvent
from opsctl.aws.ecs import Service, ServiceDeployment, ServiceEvent, Task
from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.load_balancers import TargetHealth
from opsctl.deploy.events import Note
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.rollout import Rollout, observe
from opsctl.deploy.stackrun import watch
from opsctl.deploy.stackrun.watch import HopelessRolloutError, RolloutWatch

from .bench import Bench
from .fakes import Operation, template
from .rollouts import Timeline, answering, at, crash
from .world import ENV

if TYPE_CHECKING:
    from opsctl.aws.session import Aws

BODY = "Resources:\n  Service:\n    Type: AWS::ECS::Service\n"
APP = template("app", BODY)
CRASHES = Timeline([crash(n, n + 5, n + 8, 3) for n in (1, 12, 24)])
GOOD = Timeline([answering(1, 5, "20 200")])


class Looks:
    """Looks of a timeline, by the bench's clock."""

    def __init__(self, bench: Bench, timeline: Timeline, error: AwsError | None = None) -> None:
        self.asked: list[tuple[float, str]] = []
        self._bench = bench
        self._timeline = timeline
        self._error = error
        self._begun = bench.clock()

    def __call__(self, service: str) -> Rollout | None:
        seconds = self._bench.clock() - self._begun
        self.asked.append((seconds, service))
        if self._error is not None:
            raise self._error
        return self._timeline.look(seconds)


def bench_with(timeline: Timeline, error: AwsError | None = None) -> tuple[Bench, Looks]:
    bench = Bench()
    bench.api.types["Service"] = "AWS::ECS::Service"
    looks = Looks(bench, timeline, error)
    bench.watch = RolloutWatch({"Service": "dev-app"}, looks, bench.events.append, bench.clock)
    return bench, looks


def slow(verb: str, end: str, rounds: int = 30) -> Operation:
    """An operation in which the service takes its time."""
    return Operation([f"{verb}_IN_PROGRESS"] * rounds + [end], [("Service", f"{verb}_IN_PROGRESS", "")])


def hopeless(bench: Bench) -> StackFailedError:
    with pytest.raises(StackFailedError) as caught:
        bench.run(APP)
    return caught.value


def test_a_hopeless_update_is_cancelled_and_followed_to_its_rest() -> None:
    bench, looks = bench_with(CRASHES)
    bench.api.put(template("app", "Resources: {}"), "UPDATE_COMPLETE")
    bench.api.script["execute:UPDATE"] = [slow("UPDATE", "UPDATE_ROLLBACK_COMPLETE")]
    error = hopeless(bench)
    assert bench.api.writes == ["create_change_set", "execute_change_set", "cancel_update"]
    assert bench.api.stacks_by_name["dev-app"].status == "UPDATE_ROLLBACK_COMPLETE"
    assert error.message == "app: Service (AWS::ECS::Service) failed: 3 tasks ended with exit code 3."
    assert "could not succeed; it is UPDATE_ROLLBACK_COMPLETE." in error.detail[0]
    assert "circuit breaker" in error.detail[1]
    assert "--no-watchdog" in error.hint
    assert error.cause is not None
    assert error.cause.logical_id == "Service"
    assert (error.task, error.verdict) == ("2", "3 tasks ended with exit code 3")
    assert [name for _, name in looks.asked] == ["dev-app"] * len(looks.asked)
    assert len(looks.asked) <= 5


def test_a_hopeless_create_is_deleted_again() -> None:
    bench, _ = bench_with(CRASHES)
    bench.api.script["execute:CREATE"] = [slow("CREATE", "ROLLBACK_COMPLETE")]
    error = hopeless(bench)
    assert bench.api.writes == ["create_change_set", "execute_change_set", "delete_stack"]
    assert "the stack is gone again" in error.detail[0]


def test_an_update_that_was_quicker_than_its_cancellation_counts() -> None:
    bench, _ = bench_with(CRASHES)
    bench.api.put(template("app", "Resources: {}"), "UPDATE_COMPLETE")
    bench.api.script["execute:UPDATE"] = [slow("UPDATE", "UPDATE_COMPLETE")]
    cancel = bench.api.cancel_update

    def late(name: str, *, token: str) -> None:
        bench.api._enter(name, "UPDATE_COMPLETE")
        cancel(name, token=token)

    bench.api.cancel_update = late  # type: ignore[method-assign]
    assert bench.run(APP).stack.status == "UPDATE_COMPLETE"
    assert "cancel_update" in bench.api.writes


def test_a_good_rollout_is_looked_at_every_ten_seconds_and_left_alone() -> None:
    bench, looks = bench_with(GOOD)
    bench.api.put(template("app", "Resources: {}"), "UPDATE_COMPLETE")
    bench.api.script["execute:UPDATE"] = [slow("UPDATE", "UPDATE_COMPLETE", 13)]
    assert bench.run(APP).changed
    times = [seconds for seconds, _ in looks.asked]
    assert len(times) >= 4
    assert all(after - before >= 10 for before, after in pairwise(times))


def test_nothing_is_looked_at_while_no_service_is_in_progress() -> None:
    bench, looks = bench_with(CRASHES)
    bench.api.put(template("app", "Resources: {}"), "UPDATE_COMPLETE")
    bench.api.script["execute:UPDATE"] = [
        Operation(["UPDATE_IN_PROGRESS"] * 20 + ["UPDATE_COMPLETE"], [("Topic", "UPDATE_IN_PROGRESS", "")])
    ]
    assert bench.run(APP).changed
    assert looks.asked == []


def test_a_service_that_goes_back_is_not_judged() -> None:
    bench, looks = bench_with(CRASHES)
    assert bench.watch is not None
    for logical_id, status in (("dev-app", "UPDATE_ROLLBACK_IN_PROGRESS"), ("Service", "UPDATE_IN_PROGRESS")):
        own = logical_id == "dev-app"
        kind = "AWS::CloudFormation::Stack" if own else "AWS::ECS::Service"
        bench.watch.note(StackEvent("1", "arn", at(0), logical_id, "arn" if own else "", kind, status))
    bench.clock.sleep(120)
    bench.watch.tick()
    assert looks.asked == []


def test_a_release_that_crashes_while_its_cure_is_on_the_way_is_not_judged() -> None:
    bench, looks = bench_with(CRASHES)
    assert bench.watch is not None
    bench.watch.note(StackEvent("1", "arn", at(25.5), "Service", "svc", "AWS::ECS::Service", "UPDATE_IN_PROGRESS"))
    bench.clock.sleep(60)
    bench.watch.tick()
    assert len(looks.asked) == 1


@pytest.mark.parametrize("seconds", [0.0, 0.9])
def test_a_deployment_of_the_same_second_is_that_of_the_operation(seconds: float) -> None:
    bench, _ = bench_with(CRASHES)
    assert bench.watch is not None
    bench.watch.note(StackEvent("1", "arn", at(seconds), "Service", "svc", "AWS::ECS::Service", "UPDATE_IN_PROGRESS"))
    bench.clock.sleep(60)
    with pytest.raises(HopelessRolloutError):
        bench.watch.tick()


def test_what_ecs_goes_back_to_by_itself_is_not_judged() -> None:
    bench, looks = bench_with(GOOD)
    assert bench.watch is not None
    bench.watch.note(StackEvent("1", "arn", at(0), "Service", "svc", "AWS::ECS::Service", "UPDATE_IN_PROGRESS"))
    bench.clock.sleep(10)
    bench.watch.tick()
    looks._timeline = replace(CRASHES, name="d2")
    bench.clock.sleep(60)
    bench.watch.tick()
    assert len(looks.asked) == 2


@pytest.mark.parametrize(
    ("error", "asked"),
    [(AwsRefusedError("You may not.", aws_code="AccessDenied"), 1), (AwsError("Later.", aws_code="Throttling"), 3)],
)
def test_a_look_that_fails_is_told_once_and_ends_nothing(error: AwsError, asked: int) -> None:
    bench, looks = bench_with(CRASHES, error)
    bench.api.put(template("app", "Resources: {}"), "UPDATE_COMPLETE")
    bench.api.script["execute:UPDATE"] = [slow("UPDATE", "UPDATE_COMPLETE", 8)]
    assert bench.run(APP).changed
    assert len(looks.asked) >= asked if asked > 1 else len(looks.asked) == 1
    told = [event.text for event in bench.events if isinstance(event, Note) and "not watched" in event.text]
    assert told == [f"The rollout is not watched, so a hopeless one takes longer to end: {error.message}"]


class FakeEcs:
    """A service with tasks of three kinds."""

    def __init__(self, answer: Service | None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def service(self, cluster: str, name: str) -> Service | None:
        self.asked.append("service")
        return self.answer

    def service_tasks(self, cluster: str, service: str) -> list[Task]:
        self.asked.append("tasks")
        return [
            Task("new", "RUNNING", task_definition="app:2", created=at(5), address="10.0.0.1"),
            Task("old", "STOPPED", task_definition="app:1", created=at(-50), stopped=at(1)),
            Task("restarted", "RUNNING", task_definition="app:2", created=at(-5), address="10.0.0.2"),
        ]


class FakeBalancers:
    """Two targets, one of the new release."""

    def target_health(self, group: str) -> tuple[TargetHealth, ...]:
        return (TargetHealth("10.0.0.1", 80, "initial"), TargetHealth("10.0.0.2", 80, "healthy"))


class FakeRegion:
    def __init__(self, answer: Service | None) -> None:
        self.ecs = FakeEcs(answer)
        self.load_balancers = FakeBalancers()


def look(answer: Service | None, clock: Callable[[], float] = lambda: 0.0) -> Rollout | None:
    return observe(cast("Aws", FakeRegion(answer)), cluster="dev", service="app", clock=clock)


def test_a_look_tells_the_new_release_from_all_else() -> None:
    deployments = (
        ServiceDeployment("d2", "PRIMARY", "app:2", "IN_PROGRESS", at(0), 1),
        ServiceDeployment("d1", "ACTIVE", "app:1", "COMPLETED", at(-500)),
    )
    history = (ServiceEvent(at(3), "new"), ServiceEvent(at(-3), "old"), ServiceEvent(None, "never"))
    found = look(
        Service(
            "app",
            2,
            1,
            1,
            "IN_PROGRESS",
            "",
            "app:2",
            history=history,
            deployments=deployments,
            target_groups=("group",),
            grace_seconds=60,
            at=at(30),
        )
    )
    assert found is not None
    assert [task.arn for task in found.tasks] == ["new"]
    assert [task.arn for task in found.earlier] == ["old", "restarted"]
    assert [target.address for target in found.targets] == ["10.0.0.1"]
    assert [event.text for event in found.events] == ["new"]
    assert (found.at, found.begun, found.failed, found.balanced) == (at(30), at(0), 1, True)


@pytest.mark.parametrize(("path", "ends"), [(None, True), ("/up", False)])
def test_only_the_layers_own_health_check_is_taken_at_its_word(
    path: str | None, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench()
    timeline, begun = Timeline([answering(1, 2, "10 500")], grace=600), bench.clock()
    monkeypatch.setattr(watch, "observe", lambda *_, **__: timeline.look(bench.clock() - begun))
    web = ENV.application.web
    web = web.model_copy(update={"health": web.health.model_copy(update={"path": path})})
    env = ENV.model_copy(update={"application": ENV.application.model_copy(update={"web": web})})
    made = watch.watch_of(APP, env, cast("Aws", None), "c", bench.events.append, bench.clock, 5.0)
    assert made is not None
    made.note(StackEvent("1", "dev-app", at(0), "Service", "", "AWS::ECS::Service", "UPDATE_IN_PROGRESS"))
    ended = False
    for _ in range(6):
        bench.clock.sleep(10)
        try:
            made.tick()
        except HopelessRolloutError:
            ended = True
            break
    assert ended is ends


def test_without_a_service_or_a_deployment_there_is_nothing_to_see() -> None:
    assert look(None) is None
    assert look(Service("app", 1, 0, 0, "", "", "app:1")) is None


def test_where_aws_tells_no_time_this_machines_counts() -> None:
    found = look(
        Service(
            "app", 1, 0, 0, "", "", "app:2", deployments=(ServiceDeployment("d", "PRIMARY", "app:2", "IN_PROGRESS"),)
        ),
        lambda: 60.0,
    )
    assert found is not None
    assert found.at == found.begun == datetime.fromtimestamp(60.0, UTC)
