"""How long a deploy still takes, told while it runs, and what it took, remembered for the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.deploy.events import Emit, Event, Note, ResourceChanged, StepFinished, StepStarted, TimeLeft
from opsctl.deploy.planning.durations import STACK
from opsctl.deploy.planning.history import History, read_history, write_history
from opsctl.deploy.planning.remaining import Remaining, Slow
from opsctl.deploy.planning.work import Work

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3

EVERY_SECONDS = 15.0
_APART = 5.0


class Timing:
    """A listener. Until `running` it only listens; `emit` must be another listener's than what it hangs in."""

    def __init__(self, emit: Emit, clock: Callable[[], float]) -> None:
        self._emit = emit
        self._clock = clock
        self._guard = threading.Lock()
        self._left: Remaining | None = None
        self._history = History()
        self._told = float("-inf")
        self._backwards: set[str] = set()
        self._begun = 0.0
        self._predicted = 0.0

    @contextmanager
    def remembering(self, work: Work, store: S3, bucket: str, folder: str) -> Iterator[None]:
        """As `running`, from the environment's history, to which a block that ends well is added. No work: nothing.

        A history that can't be read or written is noted: how long things take is never why a deploy fails.
        """
        if not work:
            yield
            return
        try:
            history = read_history(store, bucket, folder)
        except AwsError as error:
            self._emit(Note(f"How long earlier deploys took can't be read: {error.message}"))
            with self.running(work, History()):
                yield
            return  # what is there already is worth more
        with self.running(work, history):
            yield
        try:
            write_history(store, bucket, folder, self.learned())
        except AwsError as error:
            self._emit(Note(f"How long this deploy took can't be kept for the next: {error.message}"))

    @contextmanager
    def running(self, work: Work, history: History, *, every_seconds: float = EVERY_SECONDS) -> Iterator[None]:
        """While the block lasts, tell what is left of `work`: at once, as steps end, and every so many seconds."""
        self._history, self._left = history, Remaining(work, history)
        self._begun = self._clock()
        self._predicted = self._left.drawn(self._begun)[0]
        stop = threading.Event()
        self.tell()

        def tick() -> None:
            while not stop.wait(every_seconds):
                self.tell()

        thread = threading.Thread(target=tick, name="time-left", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if self._left is None:
            return
        with self._guard:
            ended = self._note(self._left, event)
        if ended and self._clock() - self._told >= _APART:
            self.tell()

    def _note(self, left: Remaining, event: Event) -> bool:
        """Answers whether something has ended."""
        if isinstance(event, StepStarted):
            left.begin(event.step, self._clock())
            left.begin(f"{event.step}/", self._clock())
        elif isinstance(event, StepFinished):
            left.end(event.step, self._clock())
            return True
        elif isinstance(event, ResourceChanged):
            return self._resource(left, event)
        return False

    def _resource(self, left: Remaining, event: ResourceChanged) -> bool:
        """By CloudFormation's own times, as events of minutes ago may be read at once. What a rollback does tells
        nothing.
        """
        if event.resource_type == STACK and event.logical_id == event.step:
            if "ROLLBACK" in event.status:
                self._backwards.add(event.step)
            return False
        if event.step in self._backwards:
            return False
        name, at = f"{event.step}/{event.logical_id}", event.at.timestamp()
        if event.status.endswith("_IN_PROGRESS"):
            left.end(f"{event.step}/", at)
            left.begin(name, at)
        elif event.status.endswith("_COMPLETE"):
            left.end(name, at)
            return True
        else:
            left.fail(name)
        return False

    def tell(self) -> None:
        """Emit what is left now, and what is slow."""
        with self._guard:
            if self._left is None or self._left.is_done:
                return
            now = self._clock()
            self._told = now
            left, slow = self._left.left(now), self._left.slow(now)
        self._emit(TimeLeft(left.likely, left.at_most, left.earlier))
        for each in slow:
            self._emit(Note(_slow_text(each)))

    def learned(self) -> History:
        """The history with this deploy, which ended well."""
        assert self._left is not None
        ratio = (self._clock() - self._begun) / self._predicted if self._predicted > 0 else None
        return self._history.with_deploy(self._left.took(), ratio)


def may_take(work: Work, store: S3, bucket: str, folder: str) -> float:
    """Seconds in which nine of ten such deploys are done. `bucket` is "" before the first, of which only published
    experience tells; so does it where the history can't be read.
    """
    history = History()
    with suppress(AwsError):
        history = read_history(store, bucket, folder) if bucket and work else history
    return Remaining(work, history).left(0.0).at_most if work else 0.0


def _slow_text(slow: Slow) -> str:
    took = f"{slow.seconds:.0f} s" if slow.seconds < 120 else f"{slow.seconds / 60:.0f} min"
    return f"{slow.name}: {took}, slower than 95 % of {slow.earlier} earlier ones"
