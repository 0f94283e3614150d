"""A log is followed without losing or repeating a line: late and unordered lines, throttling, expired credentials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import pytest

from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.logs import EventPage, LogEvent, Logs
from opsctl.deploy.events import Event, Note
from opsctl.deploy.left_running import UnansweredError
from opsctl.operate import tailing
from opsctl.operate.tailing import LATE_MS, Follower, Where

START = 1_000_000.0  # of the clock, in seconds
THROTTLED = AwsError("AWS throttled FilterLogEvents again and again.", aws_code="ThrottlingException")
EXPIRED = AwsRefusedError("AWS does not accept these credentials.", aws_code="ExpiredTokenException")


@dataclass
class World(Logs):
    """A log group under a clock: `arrives` says from when on an event can be read. Pages hold `size` events."""

    size: int = 3
    now: float = START
    written: list[tuple[float, LogEvent]] = field(default_factory=list)
    trouble: list[AwsError | None] = field(default_factory=list)
    asked: list[tuple[int | None, str | None]] = field(default_factory=list)
    made: int = 0
    void: bool = False

    def write(self, name: str, at: float, *, arrives: float | None = None, task: str = "a") -> None:
        """`at` and `arrives` in seconds after the start."""
        event = LogEvent(name, round((START + at) * 1000), f"service/service/{task}", name)
        self.written.append((START + (at if arrives is None else arrives), event))

    def events(
        self, group: str, *, start: int | None, prefix: str = "", streams: Sequence[str] = (), token: str | None = None
    ) -> EventPage:
        self.asked.append((start, token))
        if self.trouble and (error := self.trouble.pop(0)) is not None:
            self.void = True  # tokens belong to who asked
            raise error
        if token is None:
            self.void = False
        assert not self.void
        there = [
            event
            for arrives, event in self.written
            if arrives <= self.now and (start is None or event.time >= start) and event.stream.startswith(prefix)
            and (not streams or event.stream in streams)
        ]  # fmt: skip
        there.sort(key=lambda event: event.time)
        # A token goes on after an event; every second page is empty, as pages may be.
        if token is not None and token.startswith("empty "):
            return EventPage((), token.removeprefix("empty "))
        left = [event for event in there if token is None or event.time > int(token)]
        page = left[: self.size]
        return EventPage(tuple(page), f"empty {page[-1].time}" if len(left) > self.size else None)

    def connect(self) -> Logs:
        self.made += 1
        return self


class EndOfTest(BaseException):
    """The end of a test."""


@dataclass
class Desk:
    world: World = field(default_factory=World)
    told: list[Event] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.world.now += seconds

    def follow(self, *, until: float, start: float | None = 0.0) -> list[str]:
        """Ids of what is shown until so many seconds after the start, in the order in which it is shown."""
        follower = Follower(
            self.world.connect, self.told.append, clock=lambda: self.world.now, sleep=self.sleep, seconds=2.0
        )
        begin = None if start is None else round((START + start) * 1000)
        shown: list[str] = []
        pages: Iterator[list[LogEvent]] = follower.follow(Where("group", "service/service/", start=begin))
        self.seen = follower._seen

        def stop(seconds: float) -> None:
            self.sleep(seconds)
            self.seen = follower._seen
            if self.world.now > START + until:
                raise EndOfTest

        follower._sleep = stop
        with suppress(EndOfTest):
            for page in pages:
                shown += [event.id for event in page]
        return shown

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, Note)]


def test_lines_of_two_tasks_come_merged_by_time_over_pages_some_of_them_empty() -> None:
    desk = Desk()
    for number in range(10):
        desk.world.write(f"{number}", number / 10, task="ab"[number % 2])
    desk.world.now += 2
    assert desk.follow(until=10) == [str(number) for number in range(10)]


def test_late_lines_are_shown_once_and_no_line_is_repeated() -> None:
    desk = Desk()
    for number in range(20):
        desk.world.write(f"a{number}", number)
        desk.world.write(f"b{number}", number + 0.5, arrives=number + 40, task="b")
    shown = desk.follow(until=120)
    assert sorted(shown) == sorted(f"{task}{number}" for task in "ab" for number in range(20))
    assert [name for name in shown if name[0] == "a"] == [f"a{number}" for number in range(20)]


@pytest.mark.parametrize("error", [THROTTLED, EXPIRED, AwsError("AWS can't be reached.", aws_code="ReadTimeoutError")])
@pytest.mark.parametrize("first", range(1, 8))
def test_whatever_question_fails_nothing_is_lost_or_repeated(error: AwsError, first: int) -> None:
    desk = Desk()
    for number in range(10):
        desk.world.write(f"{number}", number / 10)
    for number in range(10, 300):
        desk.world.write(f"{number}", number)
    desk.world.trouble = [None] * first + [error] * 30
    assert desk.follow(until=900) == [str(number) for number in range(300)]
    assert [error.message in note for note in desk.notes] == [True, False]
    assert desk.notes[-1] == "AWS answers again."


def test_credentials_that_ran_out_are_looked_for_anew_and_throttling_makes_no_new_client() -> None:
    desk = Desk()
    desk.world.trouble = [None, EXPIRED, EXPIRED, None, THROTTLED]
    desk.follow(until=60)
    assert desk.world.made == 3


def test_questions_are_asked_less_often_while_aws_does_not_answer() -> None:
    desk = Desk()
    desk.world.trouble = [None, *[THROTTLED] * 5]
    desk.follow(until=90)
    assert desk.pauses[:7] == [2.0, 4.0, 8.0, 16.0, 16.0, 16.0, 2.0]


def test_the_first_question_has_to_be_answered() -> None:
    desk = Desk()
    desk.world.trouble = [AwsRefusedError("AWS denied FilterLogEvents.")]
    with pytest.raises(AwsRefusedError):
        desk.follow(until=60)


def test_after_an_hour_without_an_answer_it_ends_with_the_reason() -> None:
    desk = Desk()
    desk.world.trouble = [None, *[EXPIRED] * 1000]
    with pytest.raises(UnansweredError, match="does not accept these credentials") as raised:
        desk.follow(until=10_000)
    assert raised.value.exit_code == EXPIRED.exit_code


def test_what_is_remembered_and_asked_again_stays_small_however_long_it_is_followed() -> None:
    desk = Desk(World(size=1000))
    for number in range(20_000):
        desk.world.write(f"{number}", number / 10)
    assert len(desk.follow(until=2100)) == 20_000
    assert len(desk.seen) <= LATE_MS / 100 + 1
    desk.world.asked.clear()
    assert desk.world.now - START > 2000


def test_a_quiet_log_is_not_read_again_from_the_beginning() -> None:
    desk = Desk()
    desk.world.write("old", 0)
    desk.follow(until=3600, start=None)
    last = desk.world.asked[-1][0]
    assert last is not None
    assert last > (START + 3000) * 1000


def test_a_clock_that_is_wrong_loses_nothing() -> None:
    for wrong in (-290, 290):
        desk = Desk()
        for number in range(120):
            desk.world.write(f"{number}", number + wrong, arrives=number + 20)
        assert desk.follow(until=200, start=-400) == [str(number) for number in range(120)]


def test_a_line_from_the_future_hides_none_of_the_present() -> None:
    desk = Desk()
    desk.world.write("future", 7000, arrives=0)
    for number in range(100):
        desk.world.write(f"{number}", number)
    assert desk.follow(until=200) == ["0", "future", *(str(number) for number in range(1, 100))]


def test_what_is_there_is_read_page_by_page() -> None:
    world = World(size=4)
    for number in range(10):
        world.write(f"{number}", number, arrives=0)
    pages = list(tailing.lines(world, Where("group", start=round((START + 3) * 1000))))
    assert [[event.id for event in page] for page in pages] == [["3", "4", "5", "6"], ["7", "8", "9"]]


def test_more_streams_than_one_question_takes_are_merged_by_time() -> None:
    world = World(size=50)
    names = tuple(f"service/service/{number}" for number in range(250))
    order = count()
    for _ in range(3):
        for name in reversed(names):
            world.write(f"{(number := next(order))}", number, arrives=0, task=name.rpartition("/")[2])
    pages = list(tailing.lines(world, Where("group", streams=names)))
    assert [event.id for page in pages for event in page] == [str(number) for number in range(750)]


def test_an_error_of_one_reading_is_not_swallowed() -> None:
    world = World(trouble=[THROTTLED])
    with pytest.raises(AwsError):
        list(tailing.lines(world, Where("group")))


def test_a_round_without_a_line_is_told_so_that_the_caller_may_stop() -> None:
    world = World()
    waits: list[float] = []
    rounds = Follower(lambda: world, lambda _: None, clock=lambda: world.now, sleep=waits.append, seconds=2.0).follow(
        Where("group")
    )
    assert next(rounds) == []
    assert next(rounds) == []
    assert waits == [2.0]
