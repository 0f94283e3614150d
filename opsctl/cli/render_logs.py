"""Lines of logs for people: short on a terminal, a colour a task; complete and sortable in a pipe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from opsctl.cli import output
from opsctl.deploy.evidence.log_lines import entry

if TYPE_CHECKING:
    from opsctl.operate.logs import Line

# Of tasks; red and yellow say how bad a line is.
_COLOURS = ("36", "32", "35", "34", "96", "92", "95", "94")
_LEVELS = {"WARNING": "33", "WARN": "33", "ERROR": "31", "CRITICAL": "1;31", "FATAL": "1;31"}
_ID = 8
"""Characters of a task's id that tell tasks apart; `--task` takes them."""


class LogText:
    """Remembers which task has which colour, and of which day the last line was."""

    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal
        self._colours: dict[str, str] = {}
        self._day = ""

    def text(self, line: Line) -> str:
        """A line with its end: time and task, then what was written, the rest of it indented below."""
        said = entry(line.message)
        first, *rest = [output.one_line(each) for each in said.lines or ("",)]
        level = output.one_line(said.level)
        task = self._styled(line.task[:_ID], self._colour(line.task))
        words = [self._time(line), task, *([self._styled(level, _LEVELS.get(level, ""))] if level else []), first]
        return self._new_day(line) + "\n".join([" ".join(words).rstrip(), *(f"    {each}" for each in rest)]) + "\n"

    def _time(self, line: Line) -> str:
        if self._terminal:
            return self._styled(f"{line.time:%H:%M:%SZ}", "2")
        return f"{line.time:%Y-%m-%dT%H:%M:%S}.{line.time.microsecond // 1000:03}Z"

    def _new_day(self, line: Line) -> str:
        """On a terminal lines tell the hour only; the day stands above the first of it."""
        day = f"{line.time:%Y-%m-%d}"
        if not self._terminal or day == self._day:
            return ""
        self._day = day
        return self._styled(f"{day} (UTC)", "2") + "\n"

    def _colour(self, task: str) -> str:
        return self._colours.setdefault(task, _COLOURS[len(self._colours) % len(_COLOURS)])

    def _styled(self, text: str, code: str) -> str:
        return output.style(text, code, sys.stdout) if code else text
