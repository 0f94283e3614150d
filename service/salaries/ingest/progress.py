"""One line that says how far the transfers are, on a terminal only."""

from __future__ import annotations

from threading import Lock
from types import TracebackType
from typing import TextIO

_WIDTH = 24


class ProgressLine:
    """A bar over all sources that announced their size; silent when the stream is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._active = stream.isatty()
        self._seen: dict[str, tuple[int, int | None]] = {}
        self._lock = Lock()

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Note that `done` of `total` bytes of source `name` are here."""
        if not self._active:
            return
        with self._lock:
            self._seen[name] = (done, total)
            received = sum(done for done, _ in self._seen.values())
            known = sum(total or done for done, total in self._seen.values())
            filled = _WIDTH * received // max(known, 1)
            bar = "#" * filled + "-" * (_WIDTH - filled)
            self._stream.write(f"\r[{bar}] {received / 1e6:.1f} of {known / 1e6:.1f} MB, {len(self._seen)} sources")
            self._stream.flush()

    def __enter__(self) -> ProgressLine:
        """Start."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal on a clean line."""
        if self._active and self._seen:
            self._stream.write("\n")
