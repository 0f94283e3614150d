"""One thread of each worker is kept for answers that need no database: a health check, or "come back in a moment".

Without that, as many slow requests as there are threads keep a load balancer from hearing anything, and it would
replace every task at once. Standard library only.
"""

from __future__ import annotations

import sys
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# How long a request waits for a place while no other request begins or ends; healthy ones move on much sooner.
PATIENCE = 0.5
BUSY = b"The service is busy. Try again in a moment.\n"
BUSY_HEADERS = [
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", str(len(BUSY))),
    ("Cache-Control", "no-store"),
    ("Retry-After", "2"),
]
_TOLD_EVERY = 60.0


class Admission:
    """At most `limit` requests inside at once; whoever comes on top waits while things move, and is refused else."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._moved = clock()
        self._told = float("-inf")
        # Written in C: a busy server waits here with every request, and a Condition would cost as much as the answer.
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(limit):
            self._places.put(None)

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Admission | None:
        """For OPSCTL_THREADS threads; None where that is not known, or where there is one only."""
        text = variables.get("OPSCTL_THREADS", "")
        return cls(int(text) - 1) if text.isdecimal() and int(text) > 1 else None

    def enter(self) -> bool:
        """Whether there is a place; whoever gets one calls `leave` once."""
        left = 0.0
        while True:
            try:
                self._places.get(left > 0, max(left, 0.0))
            except Empty:
                left = self._moved + PATIENCE - self._clock()
                if left <= 0:
                    self._tell()
                    return False
            else:
                self._moved = self._clock()
                return True

    def leave(self) -> None:
        """Make room."""
        self._moved = self._clock()
        self._places.put(None)

    def _tell(self) -> None:
        if self._clock() - self._told >= _TOLD_EVERY:
            self._told = self._clock()
            sys.stderr.write(f"opsctl: all {self._limit} places for requests are taken and none ends: answering 503.\n")


class Limited:
    """A WSGI application behind an admission; anything else asked of it is asked of the application."""

    def __init__(self, application: Any, admission: Admission, passes: Callable[[str], bool]) -> None:
        self.application = application
        self._admission = admission
        self._passes = passes

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """One request; its place is free again when the server closes the answer."""
        if self._passes(environ.get("PATH_INFO", "")):
            answer: Iterable[bytes] = self.application(environ, start_response)
            return answer
        if not self._admission.enter():
            start_response("503 Service Unavailable", list(BUSY_HEADERS))
            return [BUSY]
        try:
            answer = self.application(environ, start_response)
        except BaseException:
            self._admission.leave()
            raise
        file_wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(file_wrapper, type) and isinstance(answer, file_wrapper):
            self._admission.leave()  # the server sends the file itself, by the object that it knows
            return answer
        return _Answer(answer, self._admission.leave)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__.get("application"), name)


class _Answer:
    """An answer that tells when it is closed."""

    def __init__(self, answer: Iterable[bytes], closed: Callable[[], None]) -> None:
        self._answer = answer
        self._closed: Callable[[], None] | None = closed

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        """Close the answer, then make room."""
        try:
            close = getattr(self._answer, "close", None)
            if close is not None:
                close()
        finally:
            closed, self._closed = self._closed, None
            if closed is not None:
                closed()
