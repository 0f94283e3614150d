"""Waiting for a custom resource is counted down to its ServiceTimeout."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from opsctl.aws.cloudformation import CloudFormation, Stack, StackEvent
from opsctl.cli.progress import plain
from opsctl.deploy.events import Event, Progress
from opsctl.deploy.stackrun.countdown import Countdown, answer_limits
from opsctl.deploy.stackrun.stream import Follower, Pace
from tests.unit.deploy.fakes import START

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/dev-jobs/1"
BODY = """
Resources:
  DbInit:
    Type: Custom::DbInit
    Properties: {ServiceToken: !GetAtt DbInitFunction.Arn, ServiceTimeout: 180}
  Other:
    Type: AWS::CloudFormation::CustomResource
    Properties: {ServiceToken: x}
  Topic:
    Type: AWS::SNS::Topic
"""


class Clock:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.now = 5000.0

    def __call__(self) -> float:
        return self.now


def event(status: str, name: str = "DbInit", number: int = 1) -> StackEvent:
    physical = STACK if name == "dev-jobs" else "opsctl-database-roles"
    kind = "AWS::CloudFormation::Stack" if name == "dev-jobs" else "Custom::DbInit"
    return StackEvent(str(number), STACK, START, name, physical, kind, status)


def test_it_knows_how_long_each_custom_resource_is_waited_for() -> None:
    assert answer_limits(BODY) == {"DbInit": 180, "Other": 3600}
    assert answer_limits("Resources: {Topic: {Type: AWS::SNS::Topic}}") == {}


def test_it_tells_every_ten_seconds_what_is_left() -> None:
    clock, seen = Clock(), list[Event]()
    countdown = Countdown({"DbInit": 180}, seen.append, clock)
    countdown.note(event("CREATE_IN_PROGRESS"))
    for _ in range(25):
        clock.now += 1
        countdown.note(event("CREATE_IN_PROGRESS"))
        countdown.tick("jobs")
    assert seen == [
        Progress("jobs", "DbInit has not answered; CloudFormation waits 170 s more.", 10, 180, "s"),
        Progress("jobs", "DbInit has not answered; CloudFormation waits 160 s more.", 20, 180, "s"),
    ]
    assert plain(seen[0]) == "jobs: DbInit has not answered; CloudFormation waits 170 s more."


def test_it_falls_silent_when_the_resource_has_ended_and_starts_anew_with_the_roll_back() -> None:
    clock, seen = Clock(), list[Event]()
    countdown = Countdown({"DbInit": 180}, seen.append, clock)
    countdown.note(event("UPDATE_IN_PROGRESS"))
    countdown.note(event("UPDATE_FAILED"))
    clock.now += 60
    countdown.tick("jobs")
    assert seen == []
    countdown.note(event("UPDATE_IN_PROGRESS"))
    clock.now += 10
    countdown.tick("jobs")
    assert [item.text for item in seen if isinstance(item, Progress)] == [
        "DbInit has not answered; CloudFormation waits 170 s more."
    ]


def test_it_counts_nothing_but_custom_resources() -> None:
    clock, seen = Clock(), list[Event]()
    countdown = Countdown({"DbInit": 180}, seen.append, clock)
    countdown.note(event("CREATE_IN_PROGRESS", "Topic"))
    countdown.note(event("CREATE_IN_PROGRESS", "dev-jobs"))
    clock.now += 100
    countdown.tick("jobs")
    assert seen == []


class SlowStack(CloudFormation):
    """A stack whose custom resource takes a minute and a half; each look at it takes five seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.now

    @property
    def _over(self) -> bool:
        return self._clock.now - self._start >= 90

    def events(self, name: str) -> Iterator[StackEvent]:
        self._clock.now += 5
        if self._over:
            yield event("UPDATE_COMPLETE", "dev-jobs", 3)
            yield event("UPDATE_COMPLETE", number=2)
        yield event("UPDATE_IN_PROGRESS", number=1)

    def stack(self, name: str) -> Stack | None:
        return Stack("dev-jobs", STACK, "UPDATE_COMPLETE" if self._over else "UPDATE_IN_PROGRESS")


def test_a_followed_stack_is_counted_down() -> None:
    clock, seen = Clock(), list[Event]()
    pace = Pace(seconds=0.0, deadline=600.0)
    follower = Follower(
        SlowStack(clock), seen.append, pace, clock=clock, detach=threading.Event(), limits={"DbInit": 180}
    )
    follower.follow("jobs", STACK, since="")
    told = [item for item in seen if isinstance(item, Progress)]
    assert [item.done for item in told] == [10, 20, 30, 40, 50, 60, 70, 80]
