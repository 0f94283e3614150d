"""Stacks, services and alarms as one timeline: in order, each event once, through throttling and refusals."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opsctl.aws.alarms import AlarmChange
from opsctl.aws.cloudformation import StackEvent
from opsctl.aws.ecs import ServiceEvent
from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.deploy.events import Event, Note
from opsctl.operate.target import Target
from opsctl.operate.timeline import Happening, Watch

from .shop import Shop, stack

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
THROTTLED = AwsError("AWS throttled DescribeStacks again and again.", aws_code="Throttling")
ALARM = "dev-shop-app-acme-Target5xx"


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class EndOfTest(BaseException):
    """The end of a test."""


@dataclass
class Desk:
    """A watch under a clock; `then` says what happens from when on."""

    folder: Path
    now: datetime = NOON
    told: list[Event] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    renewals: int = 0

    def __post_init__(self) -> None:
        self.shop = Shop(self.folder)
        self.watch = Watch(
            self.shop.target, self.told.append, clock=lambda: self.now, sleep=self._sleep, renewed=self._renewed
        )
        self.until = NOON
        self.script: list[tuple[datetime, object]] = []

    def _renewed(self, target: Target) -> Target:
        self.renewals += 1
        return target

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)
        while self.script and self.script[0][0] <= self.now:
            action = self.script.pop(0)[1]
            assert callable(action)
            action()
        if self.now > self.until:
            raise EndOfTest

    def event(self, name: str, at: float, status: str = "UPDATE_COMPLETE", **more: str) -> None:
        logical = more.pop("logical", name)
        physical = f"arn/{name}" if logical == name else "physical"
        found = StackEvent(
            f"{name} {logical} {at}", f"arn/{name}", after(at), logical, physical, "AWS::X", status, **more
        )
        self.shop.happened.setdefault(f"arn/{name}", []).append(found)

    def service(self, at: float, message: str, service: str = "dev-shop") -> None:
        self.shop.services.insert(0, (service, ServiceEvent(after(at), f"(service {service}) {message}", f"{at}")))

    def alarm(self, at: float, before: str, now: str) -> None:
        self.shop.alarms.setdefault(ALARM, []).append(AlarmChange(after(at), before, now, "too many", "summary"))

    def follow(self, until: float, start: float = 0) -> list[str]:
        self.until = after(until)
        shown: list[str] = []
        with suppress(EndOfTest):
            for some in self.watch.follow(after(start)):
                shown += [each.what for each in some]
        return shown

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, Note)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_three_services_make_one_timeline_the_oldest_first(desk: Desk) -> None:
    desk.event("app", -4000, "CREATE_COMPLETE")
    desk.event("app", -50, "UPDATE_IN_PROGRESS", reason="User Initiated")
    desk.event("app", -40, "UPDATE_FAILED", logical="Service", reason="no")
    desk.service(-45, "has begun draining connections on 1 tasks.")
    desk.service(-44, "(port 8000) is unhealthy", service="dev-shop-mail")
    desk.service(-43, "of somebody else", service="other")
    desk.alarm(-42, "OK", "ALARM")
    desk.alarm(-41, "ALARM", "ALARM")
    desk.event("bootstrap", -40)
    found = desk.watch.look(after(-3600))
    told = [(each.source, each.subject, each.what, each.reason) for each in found]
    assert told == [
        ("cloudformation", "app", "UPDATE_IN_PROGRESS the stack", "User Initiated"),
        ("ecs", "web", "has begun draining connections on 1 tasks.", ""),
        ("ecs", "mail", "(port 8000) is unhealthy", ""),
        ("cloudwatch", "Target5xx", "OK → ALARM", "too many"),
        ("cloudformation", "app", "UPDATE_FAILED Service (AWS::X)", "no"),
    ]
    assert "services dev-shop-acme dev-shop dev-shop-mail" in desk.shop.calls


def test_json_has_the_zone() -> None:
    made = datetime.fromisoformat("2026-11-29T13:00:00+01:00")
    assert Happening("1", made, "ecs", "web", "x", "y").to_dict() == {
        "time": "2026-11-29T12:00:00.000+00:00", "source": "ecs", "subject": "web", "what": "x", "reason": "y",
    }  # fmt: skip


def test_events_of_one_moment_keep_the_order_of_their_stack(desk: Desk) -> None:
    for number in range(5):
        desk.event("app", -9, logical=f"R{number}")
    assert [each.what for each in desk.watch.look(NOON - timedelta(hours=1))] == [
        f"UPDATE_COMPLETE R{number} (AWS::X)" for number in range(5)
    ]


def test_what_happens_is_told_once_and_late_events_too(desk: Desk) -> None:
    desk.service(-5, "old")
    desk.service(-4000, "long ago")
    desk.script = [
        (after(20), lambda: desk.service(18, "new")),
        (after(300), lambda: desk.service(40, "late")),
        (after(310), lambda: desk.alarm(305, "OK", "ALARM")),
    ]
    desk.shop.alarms[ALARM] = []
    assert desk.follow(900, start=-60) == ["old", "new", "late", "OK → ALARM"]


def test_only_stacks_that_moved_are_asked_again_and_what_they_did_is_told_to_the_end(desk: Desk) -> None:
    def begin() -> None:
        desk.shop.stacks = [*others, stack("app", "UPDATE_IN_PROGRESS", after(200))]
        desk.event("app", 200, "UPDATE_IN_PROGRESS")

    def end() -> None:
        desk.shop.stacks = [*others, stack("app", "UPDATE_COMPLETE", after(200))]

    others = [stack("platform"), stack("front")]
    desk.shop.stacks = [*others, stack("app")]
    desk.script = [
        (after(200), begin),
        (after(400), end),
        (after(430), lambda: desk.event("app", 399)),  # behind DescribeStacks
        (after(590), desk.shop.calls.clear),
    ]
    assert desk.follow(700) == ["UPDATE_IN_PROGRESS the stack", "UPDATE_COMPLETE the stack"]
    assert not any(call.startswith("events") for call in desk.shop.calls)
    assert "stacks" in desk.shop.calls


def test_a_stack_that_is_deleted_tells_its_end_under_its_id(desk: Desk) -> None:
    def gone() -> None:
        desk.shop.stacks = [stack("platform")]
        desk.event("app", 199, "DELETE_COMPLETE")

    desk.shop.stacks = [stack("platform"), stack("app")]
    desk.script = [(after(200), gone)]
    assert desk.follow(400) == ["DELETE_COMPLETE the stack"]


@pytest.mark.parametrize("what", ["stacks", "events", "services", "alarms"])
@pytest.mark.parametrize("error", [THROTTLED, AwsRefusedError("AWS does not accept these credentials.")])
def test_an_outage_of_minutes_loses_and_repeats_nothing(desk: Desk, what: str, error: AwsError) -> None:
    def break_down() -> None:
        desk.shop.refused[what] = error
        desk.shop.stacks = [*others, stack("app", "UPDATE_COMPLETE", after(99))]
        desk.event("app", 99)
        desk.service(100, "steady")
        desk.alarm(101, "OK", "ALARM")

    others = [stack("platform")]
    desk.shop.stacks = [*others, stack("app")]
    desk.alarm(-5, "ALARM", "OK")
    desk.script = [(after(100), break_down), (after(1500), desk.shop.refused.clear)]
    shown = desk.follow(1700, start=-10)
    assert shown == ["ALARM → OK", "UPDATE_COMPLETE the stack", "steady", "OK → ALARM"]
    assert len(desk.notes) == 2
    assert desk.notes[1] == "AWS answers again."
    assert (desk.renewals > 0) == isinstance(error, AwsRefusedError)
    assert max(desk.pauses) == 8 * desk.pauses[0]


def test_what_may_not_be_read_is_named_once_and_left_out(desk: Desk) -> None:
    desk.service(-5, "steady")
    desk.alarm(-5, "OK", "ALARM")
    desk.shop.refused["alarms"] = AwsRefusedError("AWS denied DescribeAlarmHistory.")
    assert desk.follow(60, start=-10) == ["steady"]
    assert desk.notes == ["Events of alarms are left out: AWS denied DescribeAlarmHistory."]


def test_when_nothing_may_be_read_it_fails(desk: Desk) -> None:
    for what in ("events", "services", "alarms"):
        desk.shop.refused[what] = AwsRefusedError(f"AWS denied {what}.")
    desk.shop.alarms[ALARM] = []
    with pytest.raises(AwsRefusedError):
        desk.follow(60)


def test_what_is_remembered_stays_small(desk: Desk) -> None:
    desk.script = [(after(n * 10), lambda n=n: desk.service(n * 10, f"{n}")) for n in range(1, 150)]
    assert len(desk.follow(1600)) == 149
    assert len(desk.watch._seen) <= 62


def test_stacks_that_were_deleted_before_are_told_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    gone = replace(stack("app", "DELETE_COMPLETE", after(-60)), id="arn/gone")
    older = replace(stack("front", "DELETE_COMPLETE", after(-7200)), id="arn/older")
    other = replace(gone, name="dev-other-app-acme", id="arn/other")
    desk.shop.deleted = [gone, older, other]
    kind = "AWS::CloudFormation::Stack"
    for name in ("gone", "older", "other"):
        desk.shop.happened[f"arn/{name}"] = [StackEvent(name, "x", after(-60), "x", "x", kind, "DELETE_COMPLETE")]
    assert desk.watch.add_deleted(after(-3600))
    assert [(each.subject, each.id) for each in desk.watch.look(after(-3600)) if each.source == "cloudformation"] == [
        ("app", "gone")
    ]
