"""Looking again and again: redrawn on a terminal, a line for each change in a pipe."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opsctl.cli import output
from opsctl.cli.render_status import clock, status_lines, status_text
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.operate.status.model import EnvironmentStatus

SECONDS = 5.0
Read = Callable[[], "EnvironmentStatus"]


def text_width(stream: Any) -> int | None:
    """Characters of a line on a terminal; None where nothing is to be cut."""
    return shutil.get_terminal_size((output.WIDTH, 24)).columns if stream.isatty() else None


def watch(read: Read, *, as_json: bool, sleep: Callable[[float], None] = time.sleep, rounds: int | None = None) -> None:
    """Show what `read` answers every five seconds until Ctrl-C, or until nobody reads on.

    A look that fails for a while (a network that is gone, throttling, credentials that ended) is told, and the last one
    stays. `rounds` ends it by itself, for tests.
    """
    live = not as_json and sys.stdout.isatty()
    show = _Screen() if live else _Json() if as_json else _Lines()
    with show:
        while rounds is None or rounds > 0:
            try:
                status = read()
            except OpsctlError as error:
                if not getattr(error, "may_pass", False) or not show.has_shown:
                    raise
                go_on = show.failed(error)
            else:
                go_on = show.status(status)
            if not go_on:
                return
            rounds = rounds - 1 if rounds is not None else None
            sleep(SECONDS)


class _Show:
    """What the last look showed. `status` and `failed` answer whether somebody still reads."""

    def __init__(self) -> None:
        self._last: EnvironmentStatus | None = None
        self._error = ""

    def __enter__(self) -> _Show:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @property
    def has_shown(self) -> bool:
        """Whether there was a look that went well."""
        return self._last is not None

    def status(self, status: EnvironmentStatus) -> bool:
        """A look that went well."""
        raise NotImplementedError

    def failed(self, error: OpsctlError) -> bool:
        """A look that did not."""
        raise NotImplementedError

    def _unreadable(self, error: OpsctlError) -> str:
        """`as of 12:04:05 UTC, can't be read since: …`"""
        at = clock(self._last.read_at)[11:] if self._last is not None else ""
        return output.one_line(f"as of {at}, can't be read since: {error.message}")


class _Screen(_Show):
    """A terminal, redrawn in place."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=sys.stdout)
        self._live = Live(console=self._console, auto_refresh=False)

    def __enter__(self) -> _Show:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def status(self, status: EnvironmentStatus) -> bool:
        self._last = status
        return self._draw(status_text(status, self._console.width))

    def failed(self, error: OpsctlError) -> bool:
        assert self._last is not None
        return self._draw(f"{status_text(self._last, self._console.width)}\n! {self._unreadable(error)}")

    def _draw(self, text: str) -> bool:
        from rich.text import Text

        self._live.update(Text(text, overflow="fold"), refresh=True)
        return True


class _Lines(_Show):
    """A pipe: all lines at first, then those that differ."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[str, str] = {}

    def status(self, status: EnvironmentStatus) -> bool:
        lines = status_lines(status)
        came_back = ["can be read again"] if self._error else []
        new = [text for key, text in lines.items() if self._shown.get(key) != text]
        gone = [f"over: {text}" for key, text in self._shown.items() if key not in lines]
        self._last, self._shown, self._error = status, lines, ""
        return self._write(status.read_at, [*came_back, *new, *gone])

    def failed(self, error: OpsctlError) -> bool:
        text = self._unreadable(error)
        if text == self._error:
            return output.write("")
        self._error = text
        return self._write(datetime.now(UTC).isoformat(timespec="seconds"), [text])

    @staticmethod
    def _write(at: str, texts: list[str]) -> bool:
        return output.write("".join(f"{clock(at)}  {text}\n" for text in texts))


class _Json(_Show):
    """NDJSON: the whole status whenever it differs."""

    def __init__(self) -> None:
        super().__init__()
        self._written = ""

    def status(self, status: EnvironmentStatus) -> bool:
        self._last = status
        model = status.to_dict()
        same = json.dumps({**model, "read_at": ""}, default=str)
        if same == self._written:
            return output.write("")
        self._written = same
        return output.write(output.json_text(model, sys.stdout) + "\n")

    def failed(self, error: OpsctlError) -> bool:
        text = self._unreadable(error)
        if text == self._error:
            return output.write("")
        self._error, self._written = text, ""
        model = {"error": {"code": error.code, "message": error.message}}
        return output.write(output.json_text(model, sys.stdout) + "\n")
