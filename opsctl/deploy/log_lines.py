"""A line of an application's log as people read it: JSON and tracebacks unfolded. Pure; knows no colours and no screen.

What comes back may still hold control characters: whoever shows it on a terminal takes them out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# As Django's, python-json-logger's, structlog's and the ECS logging libraries' formatters call them, likeliest first.
_TIME = ("time", "timestamp", "@timestamp", "asctime", "ts")
_LEVEL = ("level", "levelname", "severity", "log.level")
_MESSAGE = ("message", "msg", "event")
_TRACEBACK = ("error", "exc_info", "exception", "traceback", "exc_text", "stack_trace", "error.stack_trace")
# Where a record comes from; --json has it.
_ORIGIN = {"logger", "name", "logger_name", "log.logger"}

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_BEGINS = "Traceback (most recent call last):"
_FRAME = re.compile(r'\s*File "(?P<path>[^"]*)", line \d+(?P<inside>, in )?')
_JOINED = re.compile(r"During handling of the above exception|The above exception was the direct cause")
_MARKERS = re.compile(r"\s*[~^]+\s*")
# Paths of what is installed, of Python itself and of opsctl's layer; whatever else runs is the project's.
_FOREIGN = re.compile(r"(?:^|/)(?:site-packages|dist-packages|lib/python\d[\d.]*)/|^/opt/opsctl/|^<frozen |^<string>$")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a message says. `time` as it was written and `level` are "" where it has none; `fields` is None unless the
    message is a JSON object.
    """

    time: str
    level: str
    lines: tuple[str, ...]
    fields: Mapping[str, Any] | None = None


def readable(message: str) -> list[str]:
    """Time, level and message of a JSON record on one line, then its traceback; other text line by line.

    Of a traceback come the project's own frames, then the exception; without own frames the innermost one.
    """
    found = entry(message)
    head = " ".join(each for each in (found.time, found.level) if each)
    first, *rest = found.lines or ("",)
    return [f"{head} {first}".strip() if head else first, *rest]


def entry(message: str) -> Entry:
    """The parts of a message."""
    text = _ESCAPES.sub("", message).rstrip()
    fields = _object(text)
    if fields is None:
        return Entry("", "", tuple(_unfolded(text)))
    rest = dict(fields)
    time, level = _text(_taken(rest, _TIME)), _text(_taken(rest, _LEVEL))
    said = _text(_taken(rest, _MESSAGE))
    raised = _taken(rest, _TRACEBACK, only_tracebacks=True)
    lines = [*_unfolded(said), *_unfolded(_text(raised))]
    extras = " ".join(f"{name}={_value(value)}" for name, value in rest.items() if name not in _ORIGIN)
    first = f"{lines[0] if lines else ''} {extras}".strip() if extras else "".join(lines[:1])
    return Entry(time, level.upper(), (first or text, *lines[1:]), fields)


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _taken(fields: dict[str, Any], names: Iterable[str], *, only_tracebacks: bool = False) -> Any:
    """The first of these that is there, taken out of `fields`."""
    for name in names:
        value = fields.get(name)
        if value in (None, "") or (only_tracebacks and not _is_traceback(value)):
            continue
        return fields.pop(name)
    return ""


def _is_traceback(value: Any) -> bool:
    return _BEGINS in _text(value)


def _text(value: Any) -> str:
    """Some formatters write a traceback as a list of lines."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "\n".join(each.rstrip("\n") for each in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _value(value: Any) -> str:
    """A field beside the message, on one line."""
    if isinstance(value, str) and value and not re.search(r'[\s"=]', value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _unfolded(text: str) -> list[str]:
    """Lines of a text, its tracebacks without the frames of libraries; blank lines between them go."""
    lines = [line.rstrip().expandtabs(4) for line in re.split(r"\r\n|\r|\n", _ESCAPES.sub("", text))]
    if not any(_BEGINS in line for line in lines):
        return lines if text else []
    return [line for block in _blocks(lines) for line in _own(block) if line]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """What comes before the first traceback, then each traceback with what follows it."""
    block: list[str] = []
    for line in lines:
        if line.startswith(_BEGINS) and block:
            yield block
            block = []
        block.append(line)
    yield block


def _own(block: list[str]) -> list[str]:
    """A traceback with the project's frames only, in their order; the innermost where none is the project's."""
    if not block[0].startswith(_BEGINS):
        return block
    frames: list[list[str]] = []
    rest = block[1:]
    while rest and (_FRAME.match(rest[0]) or (rest[0].startswith(" ") and frames)):
        line = rest.pop(0)
        if _FRAME.match(line):
            frames.append([])
        frames[-1].append(line)
    own = [frame for frame in frames if _is_own(frame[0])] or frames[-1:]
    left = len(frames) - len(own)
    note = [f"  ({left} {'frame' if left == 1 else 'frames'} of libraries left out)"] if left else []
    shown = [line for frame in own for line in frame if not _MARKERS.fullmatch(line)]
    return [block[0], *note, *shown, *_ending(rest)]


def _ending(lines: list[str]) -> list[str]:
    """The exception, and what joins it to the one that came of it."""
    return [line if not _JOINED.match(line) else f"{line.rstrip(':')}:" for line in lines]


def _is_own(line: str) -> bool:
    found = _FRAME.match(line)
    # A syntax error names its file as if it were a frame, inside of nothing.
    return found is None or found["inside"] is None or not _FOREIGN.search(found["path"])
