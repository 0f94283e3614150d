"""Following a stack to its end: late events, late statuses, and questions that are not answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from opsctl.aws.cloudformation import CloudFormation, Stack, StackEvent
from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.deploy.events import Event, Note, ResourceChanged
from opsctl.deploy.left_running import UnansweredError
from opsctl.deploy.stackrun.stream import Follower, Pace
from opsctl.errors import ExitCode

from .bench import Clock, Detach
from .fakes import START

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/dev-app/1"


def event(
    number: int, name: str, status: str, kind: str = "AWS::ECS::Service", token: str = "", reason: str = ""
) -> StackEvent:
    physical = STACK if name == "dev-app" else "arn:service"
    return StackEvent(str(number), STACK, START, name, physical, kind, status, reason, token)


class Sudden(CloudFormation):
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


class Told(CloudFormation):
    """A stack whose events and statuses come as scripted: an entry per question, the last one for all that follow."""

    def __init__(self, events: list[list[StackEvent] | AwsError], statuses: list[str]) -> None:
        self._events = events
        self._statuses = statuses
        self.asked = 0

    def events(self, name: str) -> Iterator[StackEvent]:
        answer = self._events.pop(0) if len(self._events) > 1 else self._events[0]
        if isinstance(answer, AwsError):
            raise answer
        return iter(answer[::-1])

    def stack(self, name: str) -> Stack | None:
        self.asked += 1
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return Stack("dev-app", STACK, status)


class Watcher:
    """A follower whose waits cost no time."""

    def __init__(self, reader: Told, deadline: float = 3600.0) -> None:
        self.clock, self.emitted = Clock(), list[Event]()
        self.started = self.clock()
        self.follower = Follower(
            reader, self.emitted.append, Pace(5.0, deadline), clock=self.clock, detach=Detach(self.clock)
        )

    @property
    def notes(self) -> list[str]:
        return [each.text for each in self.emitted if isinstance(each, Note)]

    @property
    def statuses(self) -> list[str]:
        return [each.status for each in self.emitted if isinstance(each, ResourceChanged)]

    @property
    def waited(self) -> float:
        return self.clock() - self.started


def own(number: int, status: str, by: str = "ours") -> StackEvent:
    return event(number, "dev-app", status, "AWS::CloudFormation::Stack", by)


BEGUN = [own(1, "CREATE_IN_PROGRESS")]
DONE = [*BEGUN, own(2, "CREATE_COMPLETE")]


def test_a_status_from_before_the_operation_is_not_its_end() -> None:
    """DescribeStacks may be behind: half a minute after the start it still tells what was before."""
    reader = Told([*[BEGUN] * 20, DONE], ["REVIEW_IN_PROGRESS"] * 3 + ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
    watcher = Watcher(reader)
    followed = watcher.follower.follow("app", STACK, since="", token="ours")
    assert followed.stack is not None
    assert followed.stack.status == "CREATE_COMPLETE"
    assert watcher.statuses == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]


def test_an_old_good_status_is_not_taken_before_our_operation_has_begun() -> None:
    """An update that CloudFormation has not shown yet must not count as done because the last one was."""
    late = [own(3, "UPDATE_IN_PROGRESS"), own(4, "UPDATE_COMPLETE")]
    reader = Told([*[list[StackEvent]()] * 40, late], ["UPDATE_COMPLETE"])
    watcher = Watcher(reader)
    watcher.follower.follow("app", STACK, since="", token="ours")
    assert watcher.statuses == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]


def test_late_events_of_the_operation_before_are_not_ours() -> None:
    late = [event(8, "Old", "UPDATE_FAILED", token="theirs"), own(9, "UPDATE_ROLLBACK_COMPLETE", "theirs")]
    ours = [*late, own(10, "UPDATE_IN_PROGRESS"), own(11, "UPDATE_COMPLETE")]
    watcher = Watcher(Told([late, ours], ["UPDATE_COMPLETE"]))
    followed = watcher.follower.follow("app", STACK, since="", token="ours")
    assert (followed.cause, watcher.statuses) == (None, ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])


def test_a_rollback_that_somebody_else_ordered_ends_our_operation_as_well() -> None:
    ours = [own(1, "UPDATE_IN_PROGRESS"), own(2, "UPDATE_ROLLBACK_COMPLETE", "a-cancel")]
    watcher = Watcher(Told([ours], ["UPDATE_ROLLBACK_COMPLETE"]))
    followed = watcher.follower.follow("app", STACK, since="", token="ours")
    assert followed.stack is not None
    assert followed.stack.status == "UPDATE_ROLLBACK_COMPLETE"


def test_the_stack_is_asked_until_it_has_caught_up_with_its_last_event() -> None:
    """Its outputs are read from that answer: one from the middle of the operation would lack them."""
    reader = Told([DONE], ["CREATE_IN_PROGRESS"] * 4 + ["CREATE_COMPLETE"])
    watcher = Watcher(reader)
    followed = watcher.follower.follow("app", STACK, since="", token="ours")
    assert followed.stack is not None
    assert (followed.stack.status, reader.asked, watcher.waited) == ("CREATE_COMPLETE", 5, 20.0)


def test_a_stack_that_never_catches_up_does_not_block_for_ever() -> None:
    watcher = Watcher(Told([DONE], ["CREATE_IN_PROGRESS"]))
    watcher.follower.follow("app", STACK, since="", token="ours")
    assert 60 <= watcher.waited <= 70


def test_an_end_that_no_event_tells_is_noticed_at_the_second_look() -> None:
    reader = Told([BEGUN], ["CREATE_COMPLETE"])
    watcher = Watcher(reader)
    watcher.follower.follow("app", STACK, since="", token="ours")
    assert (reader.asked, watcher.waited) == (2, 55.0)


THROTTLED = AwsError("AWS throttled DescribeStackEvents.", aws_code="ThrottlingException")
EXPIRED = AwsRefusedError("AWS does not accept these credentials.", aws_code="ExpiredToken", hint="Sign in again.")
AWAY = AwsError("AWS can't be reached.", aws_code="EndpointConnectionError")
BROKEN = AwsError("DescribeStackEvents failed.", aws_code="Whatever", status=503)


@pytest.mark.parametrize("failure", [THROTTLED, EXPIRED, AWAY, BROKEN], ids=lambda each: each.aws_code)
def test_questions_that_fail_for_four_minutes_do_not_end_an_hours_deploy(failure: AwsError) -> None:
    watcher = Watcher(Told([BEGUN, *[failure] * 48, DONE], ["CREATE_COMPLETE"]))
    followed = watcher.follower.follow("app", STACK, since="", token="ours")
    assert followed.stack is not None
    assert watcher.notes == [
        f"{failure.message} CloudFormation goes on with app; it is asked again for up to 5 minutes.",
        "AWS answers again.",
    ]


def test_after_five_minutes_it_is_said_what_goes_on_and_how_to_follow_it() -> None:
    watcher = Watcher(Told([BEGUN, EXPIRED], [""]))
    with pytest.raises(UnansweredError) as caught:
        watcher.follower.follow("app", STACK, since="", token="ours")
    assert caught.value.message == (
        "AWS does not accept these credentials. After 5 minutes of that nobody watches any more. "
        "CloudFormation goes on with app."
    )
    assert caught.value.hint == "Sign in again. `opsctl deploy` follows it and finishes the rest."
    assert caught.value.exit_code == ExitCode.AWS_REFUSED
    assert 300 <= watcher.waited <= 310


def test_short_interruptions_do_not_add_up() -> None:
    mixed: list[list[StackEvent] | AwsError] = [*[AWAY] * 40, BEGUN] * 3
    watcher = Watcher(Told([*mixed, DONE], ["CREATE_COMPLETE"]))
    watcher.follower.follow("app", STACK, since="", token="ours")
    assert watcher.notes.count("AWS answers again.") == 3


def test_an_error_that_time_does_not_mend_ends_the_following_at_once() -> None:
    gone = AwsError("Stack [dev-app] does not exist.", aws_code="ValidationError", status=400)
    watcher = Watcher(Told([gone], [""]))
    with pytest.raises(AwsError, match="does not exist"):
        watcher.follower.follow("app", STACK, since="", token="ours")
    assert watcher.waited == 0


def test_the_change_sets_own_event_that_comes_late_is_not_the_end_of_the_create() -> None:
    """It carries no token, and DescribeStacks, behind as well, agrees with it."""
    review = [own(1, "REVIEW_IN_PROGRESS", "")]
    create = [*review, own(2, "CREATE_IN_PROGRESS"), own(3, "CREATE_COMPLETE")]
    watcher = Watcher(Told([review, review, create], ["REVIEW_IN_PROGRESS", "CREATE_COMPLETE"]))
    followed = watcher.follower.follow("app", STACK, since="", token="ours")
    assert followed.stack is not None
    assert followed.stack.status == "CREATE_COMPLETE"


def test_a_stack_that_is_gone_is_the_end_of_a_deletion_of_which_no_event_tells() -> None:
    watcher = Watcher(Told([[]], ["DELETE_COMPLETE"]))
    assert watcher.follower.follow("app", STACK, since="", token="ours").is_gone
    assert watcher.waited < 120
