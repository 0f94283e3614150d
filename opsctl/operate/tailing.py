"""Lines of CloudWatch Logs as they come: of several streams, merged by time, none twice and none lost.

FilterLogEvents merges the streams. Its answer may lack the newest lines: they are there some seconds after they were
written, those of one task later than those of another. So each round begins a little before the newest line that was
seen, and lines are told apart by their ids.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from opsctl.aws.errors import AwsRefusedError
from opsctl.deploy.stackrun.stream import Patience

if TYPE_CHECKING:
    from opsctl.aws.logs import EventPage, LogEvent, Logs
    from opsctl.deploy.events import Emit

LATE_MS = 60_000
"""A line may be this much later than others and is shown all the same."""
# AWS refuses requests of a machine whose clock is further off. [UG IAM, signing]
_CLOCK_MS = 300_000
_NAMED = 100  # streams that FilterLogEvents takes at most [API]
_BATCH = 1_000
_PATIENCE_SECONDS = 3600.0
# Times the pause between two rounds, while AWS does not answer.
_SLOWEST = 8


@dataclass(frozen=True, slots=True)
class Where:
    """Streams of a group: those named, else those whose names begin with `prefix`; from `start` (ms), or all."""

    group: str
    prefix: str = ""
    streams: tuple[str, ...] = ()
    start: int | None = None


class Lines(Protocol):
    """Where lines are read: CloudWatch Logs, or what the local target kept of it."""

    def events(
        self, group: str, *, start: int | None, prefix: str = "", streams: Sequence[str] = (), token: str | None = None
    ) -> EventPage: ...


def lines(logs: Lines, where: Where) -> Iterator[list[LogEvent]]:
    """What is there now, in order of time, page by page: of any amount only a page at a time is held."""
    if len(where.streams) <= _NAMED:
        yield from _pages(logs, where, where.streams)
        return
    groups = [where.streams[first : first + _NAMED] for first in range(0, len(where.streams), _NAMED)]
    each = [(event for page in _pages(logs, where, names) for event in page) for names in groups]
    merged = heapq.merge(*each, key=lambda event: event.time)
    while batch := list(islice(merged, _BATCH)):
        yield batch


def _pages(logs: Lines, where: Where, streams: tuple[str, ...]) -> Iterator[list[LogEvent]]:
    token = None
    while True:
        page = logs.events(where.group, start=where.start, prefix=where.prefix, streams=streams, token=token)
        if page.events:
            yield list(page.events)
        if (token := page.token) is None:
            return


class Follower:
    """Follows a log until the caller stops asking. A question that fails is asked again for an hour."""

    def __init__(
        self,
        connect: Callable[[], Logs],
        emit: Emit,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        seconds: float,
    ) -> None:
        """`connect` makes a client with the credentials of that moment; `seconds` between two rounds."""
        self._connect = connect
        self._logs: Logs | None = None
        self._emit = emit
        self._clock = clock
        self._sleep = sleep
        self._seconds = seconds
        self._seen: dict[str, int] = {}

    def follow(self, where: Where) -> Iterator[list[LogEvent]]:
        """Lines as they come, and an empty list a round without any, in which the caller may stop. Raises
        AwsError when the first question fails, UnansweredError after an hour of that.
        """
        patience = Patience(
            self._emit, self._clock, goes_on="The log goes on", follow_by="opsctl logs -f", seconds=_PATIENCE_SECONDS
        )
        mark, failed, answered = _Mark(where.start, where.start or 0), 0, False
        while True:
            fresh: list[LogEvent] | None = None
            with patience if answered else nullcontext():
                fresh = self._page(where, mark)
                answered = True
            yield fresh or []
            failed = failed + 1 if fresh is None else 0
            if failed:
                mark.token = None  # the round begins anew, not before what it has shown
            if mark.token is None:
                self._sleep(self._seconds * min(2**failed, _SLOWEST))

    def _page(self, where: Where, mark: _Mark) -> list[LogEvent]:
        """What is new of the next page; the mark moves on with it."""
        if mark.token is None:
            mark.start, mark.asked = mark.begin, round(self._clock() * 1000)
        page = self._ask(where, mark)
        fresh = [event for event in page.events if event.id not in self._seen]
        self._seen.update((event.id, event.time) for event in fresh)
        mark.newest = max(mark.newest, *(event.time for event in page.events), 0)
        reached = min(mark.newest, mark.asked) - LATE_MS
        if page.token is None:  # where nothing is written, the beginning moves with the time
            reached = max(reached, mark.asked - _CLOCK_MS - LATE_MS)
        if reached > (mark.begin or 0):
            mark.begin = reached
            self._seen = {name: time for name, time in self._seen.items() if time >= reached}
        mark.token = page.token
        return fresh

    def _ask(self, where: Where, mark: _Mark) -> EventPage:
        if self._logs is None:
            self._logs = self._connect()
        try:
            return self._logs.events(
                where.group, start=mark.start, prefix=where.prefix, streams=where.streams, token=mark.token
            )
        except AwsRefusedError:
            self._logs = None  # renewed credentials lie where a new client finds them
            raise


@dataclass(slots=True)
class _Mark:
    """How far a log was read, in milliseconds: `start` is where this round began, asked at `asked`; `begin` where the
    next one, or another try, begins; `newest` the time of the newest line.
    """

    begin: int | None
    newest: int
    start: int | None = None
    asked: int = 0
    token: str | None = None
