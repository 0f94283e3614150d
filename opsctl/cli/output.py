"""Results on stdout, everything else on stderr; people and scripts get two renderings of one model."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TextIO

from opsctl.cli import streams
from opsctl.errors import ExitCode, OpsctlError

WIDTH = 80
"""Characters of a line that every terminal shows."""
# Control characters, a terminal's own among them, those that turn the direction of a line around or end it, and bytes
# that are no UTF-8.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_COMMAND = re.compile(r"`[^`]*`")
_UNBROKEN = "\0"  # for blanks inside of commands, while lines are made
# In JSON, which escapes the others itself: to some terminals one of these begins what an escape does.
_UNESCAPED = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def result(model: Any, text: str, *, as_json: bool) -> None:
    """Print a command's result: `model` as JSON, or `text` for people. Raises OpsctlError when stdout takes no more."""
    out = json_text(model, sys.stdout, indent=2) if as_json else lines_of(text)
    write(out.rstrip("\n") + "\n" if out else "")


def write(text: str) -> bool:
    """Write to stdout, at once; False once the reader has had enough (`| head`). Any other refusal is a failure.

    An empty text asks only whether somebody reads: what waits for a line that may never come would find out with it.
    """
    if not text and not streams.is_read(sys.stdout):
        streams.discard(sys.stdout)
        return False
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        streams.discard(sys.stdout)
        return False
    except OSError as error:
        raise unwritten(error) from error
    return True


def unwritten(error: OSError) -> OpsctlError:
    """That stdout takes nothing more."""
    streams.discard(sys.stdout)
    return OpsctlError(
        f"The result could not be written to stdout: {error.strerror}.",
        code="stdout",
        hint="What the command did is done; see where its output goes.",
    )


def json_text(model: Any, stream: TextIO, *, indent: int | None = None) -> str:
    """JSON in the characters that `stream` takes; in ASCII where it lacks one."""
    text = json.dumps(model, indent=indent, ensure_ascii=False, default=str)
    if not streams.takes(stream, text):
        return json.dumps(model, indent=indent, default=str)
    return _UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def json_line(model: Any) -> str:
    """A line of NDJSON for stdout, with its end."""
    return json_text(model, sys.stdout) + "\n"


def note(text: str) -> None:
    """Something for people, on stderr: a sentence, wrapped at a terminal, or lines that have their form already."""
    line(text if "\n" in text else wrapped(text))


def line(text: str) -> None:
    """Lines on stderr as they are. A stderr that takes no more is no failure, and nowhere to tell one."""
    _tell(lines_of(text))


def _tell(text: str) -> None:
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        streams.discard(sys.stderr)


def notes(texts: Sequence[str]) -> None:
    """Several notes, a line each."""
    for text in texts:
        note(text)


def failure(error: OpsctlError, *, as_json: bool) -> None:
    """An error: its details, then the sentence that counts, then what to do, last on the screen."""
    message, hint = one_line(error.message), one_line(error.hint)
    for each in "\n".join(error.detail).split("\n") if error.detail and not error.told else ():
        detail = f"  {one_line(each.expandtabs())}"
        # What is indented, or set off, is somebody's log or code.
        line(detail if each[:1] in {" ", "\t", "|"} else wrapped(detail, indent="    "))
    _tell(_headed("Error:", "1;31", message))
    if hint:
        _tell(_headed("Next:", "1", hint))
    if as_json:
        model = {"error": {"code": error.code, "message": message, "hint": hint, "detail": error.detail}}
        with suppress(OpsctlError):  # that stdout takes nothing is not the failure to be told
            result(model, "", as_json=True)


def _headed(head: str, code: str, text: str) -> str:
    return style(head, code) + wrapped(f"{head} {text}").removeprefix(head)


def wrapped(text: str, stream: TextIO | None = None, *, indent: str = "  ") -> str:
    """A line in lines as wide as the terminal of `stream`, stderr unless told; in a pipe as it is."""
    if not (stream or sys.stderr).isatty():
        return text
    return "\n".join(filled(text, max(shutil.get_terminal_size().columns, WIDTH // 2), indent=indent))


def sentences(text: str) -> str:
    """Sentences of a result, a line each, wrapped at the terminal of stdout; in a pipe as they are."""
    return "\n".join(wrapped(each, sys.stdout) for each in text.split("\n"))


def filled(text: str, width: int, *, first: str = "", indent: str) -> list[str]:
    """A line as lines of `width` characters: the first begins with `first`, all others with `indent`.

    Broken at blanks alone, and never inside of a command in backticks: what is copied has to be whole.
    """
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _UNBROKEN), text)
    lines = textwrap.wrap(
        whole, width, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False,
        replace_whitespace=False, expand_tabs=False,
    )  # fmt: skip
    return [each.replace(_UNBROKEN, " ") for each in lines]


def one_line(text: str) -> str:
    """`text` with what a terminal would act on escaped: messages repeat what was typed, which may hold anything."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def lines_of(text: str) -> str:
    """`text` with its lines and tabs, and what else a terminal would act on escaped: records and AWS's answers hold
    what others wrote. Bytes that are no UTF-8 are left to the stream, which knows its encoding.
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def screen_width() -> int | None:
    """How wide a text on stdout may get; None in a pipe, where nothing is wrapped."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def style(text: str, code: str, stream: TextIO | None = None) -> str:
    """`text` in an ANSI style when the stream, stderr unless told, is a terminal that wants colour."""
    if not (stream or sys.stderr).isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[{code}m{text}\033[0m"


def columns() -> int:
    """How wide text is set: as wide as the terminal, within reason; in a pipe as on every terminal."""
    if not sys.stdout.isatty():
        return WIDTH
    return min(max(shutil.get_terminal_size().columns, WIDTH), 160)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest value, two blanks apart; the same on every terminal and in a pipe.

    The last value of a row that would be wider than WIDTH stands whole on a line of its own.
    """
    widths = [max(len(row[index]) for row in [header, *rows]) for index in range(len(header))]
    return "\n".join(_row(row, widths) for row in [header, *rows])


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [value.ljust(width) for value, width in zip(row, widths, strict=True)]
    line = "  ".join(cells).rstrip()
    return line if len(line) <= WIDTH else f"{'  '.join(cells[:-1]).rstrip()}\n    {row[-1]}"


def can_ask(*, as_json: bool) -> bool:
    """Whether somebody sits there who sees a question and can answer it."""
    return not as_json and sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, yes: bool, as_json: bool, flag: str = "--yes") -> None:
    """Ask, unless `--yes` was given. In a pipe or under --json nobody can answer: that is an error naming the flag."""
    if yes:
        return
    if not can_ask(as_json=as_json):
        raise OpsctlError(
            f"{question} Nobody can be asked here.",
            code="confirmation-needed",
            exit_code=ExitCode.USAGE,
            hint=f"Run it again with {flag}.",
        )
    sys.stderr.write(f"{wrapped(f'{one_line(question)} [y/N]')} ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise OpsctlError("Nothing was changed.", code="declined", hint="")
