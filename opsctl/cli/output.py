"""Results on stdout, everything else on stderr; people and scripts get two renderings of one model."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from opsctl.errors import ExitCode, OpsctlError

# Control characters, a terminal's own among them, and bytes that are no UTF-8.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def result(model: Any, text: str, *, as_json: bool) -> None:
    """Print a command's result: `model` as JSON, or `text` for people."""
    out = json.dumps(model, indent=2, ensure_ascii=False, default=str) if as_json else text
    try:
        sys.stdout.write(out.rstrip("\n") + "\n" if out else "")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us (`| head`) has enough; what is left in the buffer must not be flushed into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(text: str) -> None:
    """A line for people, on stderr; nobody left to read it is no failure."""
    with suppress(BrokenPipeError):
        sys.stderr.write(text + "\n")


def failure(error: OpsctlError, *, as_json: bool) -> None:
    """An error: its details, then the sentence that counts, then what to do, last on the screen."""
    message, hint = _one_line(error.message), _one_line(error.hint)
    for line in error.detail:
        note(f"  {line}")
    note(f"{style('Error:', '1;31')} {message}")
    if hint:
        note(f"{style('Next:', '1')} {hint}")
    if as_json:
        model = {"error": {"code": error.code, "message": message, "hint": hint, "detail": error.detail}}
        result(model, "", as_json=True)


def _one_line(text: str) -> str:
    """Messages repeat what was typed, which may hold anything."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def style(text: str, code: str) -> str:
    """`text` in an ANSI style when stderr is a terminal that wants colour."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[{code}m{text}\033[0m"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest value, two blanks apart; the same on every terminal and in a pipe."""
    widths = [max(len(row[index]) for row in [header, *rows]) for index in range(len(header))]
    lines = [
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    ]
    return "\n".join(lines)


def confirm(question: str, *, yes: bool, as_json: bool, flag: str = "--yes") -> None:
    """Ask, unless `--yes` was given. In a pipe or under --json nobody can answer: that is an error naming the flag."""
    if yes:
        return
    if as_json or not sys.stdin.isatty() or not sys.stderr.isatty():
        raise OpsctlError(
            f"{question} Nobody can be asked here.",
            code="confirmation-needed",
            exit_code=ExitCode.USAGE,
            hint=f"Run it again with {flag}.",
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise OpsctlError("Nothing was changed.", code="declined", hint="")
