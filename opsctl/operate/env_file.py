"""Reads a `.env` file as those tools do whose files people bring: python-dotenv, Compose, a shell that sources it.

Never says what stands in it: a message names the line alone.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from opsctl.errors import UsageError

_NOTHING = re.compile(r"\s*(?:#.*)?")
_NAME = re.compile(r"\s*(?:export\s+)?([^\W\d]\w*)\s*=")
_QUOTED = {'"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL), "'": re.compile(r"'([^']*)'")}
_COMMENT = re.compile(r"\s#.*")
_REFERENCE = re.compile(r"\$\{(?P<name>\w+)\}")
_IN_DOUBLE = re.compile(rf'\\(?P<escaped>[n"\\$])|{_REFERENCE.pattern}')


def read_env_file(path: Path) -> dict[str, str]:
    """Variables of a file of `NAME=value` lines, also after `export`, in quotes (over several lines too) or without.

    `${NAME}` is what the file gave that name before, but in single quotes, where all stands as it is. Raises
    UsageError with the line that can't be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path} can't be read: {reason}.", hint="Name a file of NAME=value lines.") from None
    values: dict[str, str] = {}
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        line, place = lines[number], f"{path}:{number + 1}"
        number += 1
        if _NOTHING.fullmatch(line):
            continue
        name = _NAME.match(line)
        if name is None:
            raise UsageError(f"{place}: this line is not NAME=value.", hint="Comments start with #.")
        rest = line[name.end() :]
        if rest.lstrip()[:1] in _QUOTED:
            rest = "\n".join([rest.lstrip(), *lines[number:]])
            values[name[1]], taken = _quoted(rest, place, values)
            number += taken
        else:
            values[name[1]] = _REFERENCE.sub(partial(_meant, values), _COMMENT.sub("", rest).strip())
    return values


def _quoted(rest: str, place: str, values: dict[str, str]) -> tuple[str, int]:
    """The value that a quote begins, and over how many further lines it goes."""
    found = _QUOTED[rest[0]].match(rest)
    if found is None:
        hint = "Close it; a value that holds one itself goes into the other kind of quotes."
        raise UsageError(f"{place}: the quote that begins here never ends.", hint=hint)
    if not _NOTHING.fullmatch(rest[found.end() :].partition("\n")[0]):
        hint = 'Put all of the value into one pair of quotes; within double ones \\" stands for one.'
        raise UsageError(f"{place}: more of the value follows its closing quote.", hint=hint)
    body = found[1]
    if rest[0] == '"':
        body = _IN_DOUBLE.sub(partial(_meant, values), body)
    return body, found[0].count("\n")


def _meant(values: dict[str, str], found: re.Match[str]) -> str:
    parts = found.groupdict()
    if parts.get("escaped"):
        return "\n" if parts["escaped"] == "n" else parts["escaped"]
    return values.get(parts["name"], found[0])
