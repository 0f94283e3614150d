"""Events for people: a line each in a pipe; on a terminal the reason below, wrapped."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC
from typing import TYPE_CHECKING

from opsctl.cli import output

if TYPE_CHECKING:
    from opsctl.operate.timeline import Happening

_SOURCES = {"cloudformation": "stack", "ecs": "service", "cloudwatch": "alarm"}
_SUBJECT = 10  # columns; longer ones push the rest to the right
_BAD = ("FAILED", "ROLLBACK", "→ ALARM", "unable", "unhealthy", "failed")
_GOOD = ("_COMPLETE", "→ OK", "steady state")


class EventText:
    """How an event is written, where stdout goes. Remembers of which day the last one was."""

    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal
        self._day = ""

    def text(self, event: Happening) -> str:
        """An event with its end: time in UTC, kind, which one, what, and why."""
        at = event.time.astimezone(UTC)
        source, subject = _SOURCES.get(event.source, event.source), output.one_line(event.subject)
        what, reason = output.one_line(event.what), output.one_line(event.reason)
        said = f"{source:<7} {subject:<{_SUBJECT}} {what}"
        if not self._terminal:
            return f"{at:%Y-%m-%dT%H:%M:%SZ} {said}{f' — {reason}' if reason else ''}\n"
        lines = [self._styled(each, event.what) for each in self._wrapped(f"{at:%H:%M:%SZ} {said}")]
        lines += self._wrapped(f"    {reason}") if reason else []
        return self._new_day(f"{at:%Y-%m-%d}") + "\n".join(lines) + "\n"

    def _new_day(self, day: str) -> str:
        """On a terminal events tell the hour only; the day stands above the first of it."""
        if day == self._day:
            return ""
        self._day = day
        return output.style(f"{day} (UTC)", "2", sys.stdout) + "\n"

    @staticmethod
    def _wrapped(text: str) -> list[str]:
        width = max(shutil.get_terminal_size((output.WIDTH, 24)).columns, 40)
        return output.filled(text, width, indent="    ")

    @staticmethod
    def _styled(line: str, what: str) -> str:
        code = "31" if any(sign in what for sign in _BAD) else "32" if any(sign in what for sign in _GOOD) else ""
        return output.style(line, code, sys.stdout) if code else line
