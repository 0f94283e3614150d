"""Following a stack to its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from opsctl.aws.cloudformation import Stack, StackEvent
from opsctl.deploy.events import Event, ResourceChanged
from opsctl.deploy.stream import Follower, Pace
from tests.unit.deploy.fakes import START

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/dev-app/1"


def event(number: int, name: str, status: str, kind: str = "AWS::ECS::Service") -> StackEvent:
    physical = STACK if name == "dev-app" else "arn:service"
    return StackEvent(str(number), STACK, START, name, physical, kind, status)


class Sudden:
    """A stack that fails and is rolled back between one question and the next."""

    def __init__(self) -> None:
        self._events = [event(1, "Service", "UPDATE_IN_PROGRESS")]

    def events(self, name: str) -> Iterator[StackEvent]:
        return iter(self._events[::-1])

    def stack(self, name: str) -> Stack | None:
        self._events += [
            event(2, "Service", "UPDATE_FAILED"),
            event(3, "dev-app", "UPDATE_ROLLBACK_COMPLETE", "AWS::CloudFormation::Stack"),
        ]
        return Stack(name="dev-app", id=STACK, status="UPDATE_ROLLBACK_COMPLETE")


def test_what_happens_between_two_questions_is_reported_too() -> None:
    """The cause is told, although the stack's status was seen before its events."""
    seen = list[Event]()
    follower = Follower(Sudden(), seen.append, Pace(0.0), clock=lambda: 0.0, detach=threading.Event())

    followed = follower.follow("app", STACK, since="")

    assert followed.cause is not None
    assert followed.cause.logical_id == "Service"
    assert [each.status for each in seen if isinstance(each, ResourceChanged)] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
