"""How work on images tells where it is. With the default listener it is silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

_EVERY_SECONDS = 0.5


class Listener(Protocol):
    """What a build, pull or push reports to."""

    def line(self, text: str) -> None:
        """Something happened; also each line that an engine prints."""
        ...

    def progress(self, text: str, done: int, total: int) -> None:
        """`done` of `total` bytes."""
        ...


class Silent:
    """The listener of whoever needs none."""

    def line(self, text: str) -> None:
        """Nothing."""

    def progress(self, text: str, done: int, total: int) -> None:
        """Nothing."""


class ByteCounter:
    """Adds up bytes from several threads and reports at most twice a second, and at the end."""

    def __init__(
        self, listener: Listener, verb: str, total: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._listener = listener
        self._verb = verb
        self._total = total
        self._clock = clock
        self._done = 0
        self._next = 0.0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """`count` more bytes are through; negative when a transfer has to start again."""
        with self._lock:
            self._done += count
            now = self._clock()
            if now >= self._next or self._done >= self._total:
                self._next = now + _EVERY_SECONDS
                self._listener.progress(
                    f"{self._verb} {megabytes(self._done)} of {megabytes(self._total)}", self._done, self._total
                )


def megabytes(count: int) -> str:
    """`12.3 MB` (millions of bytes), or kilobytes where that would be none."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
