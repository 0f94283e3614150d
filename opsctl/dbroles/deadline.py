"""Time that is left for a piece of work, shared by everything that waits."""

from __future__ import annotations

import time
from collections.abc import Callable

from opsctl.dbroles.errors import OutOfTimeError

Clock = Callable[[], float]


class Deadline:
    """A moment `seconds` from now on a clock that never jumps. All times are seconds."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self.seconds = seconds

    def remaining(self) -> float:
        """Seconds left, 0 when there are none."""
        return max(0.0, self._end - self._clock())

    def check(self, doing: str, *, need: float = 0.0) -> None:
        """Raise OutOfTimeError, naming what was about to be done, when less than `need` seconds are left."""
        if self.remaining() <= need:
            raise OutOfTimeError(
                f"The {self.seconds:.0f} s for the database roles were used up before {doing}; nothing was changed.",
                hint="See what keeps the server busy or locked, then deploy again.",
            )
