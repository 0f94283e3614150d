"""What an application logged, as a person reads it: JSON unfolded, and of tracebacks the project's own frames alone.

Pure. What comes out holds no line break and nothing that a terminal acts on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Literal

_Kind = Literal["text", "own", "foreign"]

# Names that loggers give these fields: python-json-logger, structlog, Elastic's, Google's, and Lambda's own JSON.
_TIME = ("time", "timestamp", "@timestamp", "asctime", "ts", "datetime")
_LEVEL = ("level", "levelname", "log.level", "severity", "lvl")
_MESSAGE = ("message", "msg", "event", "errorMessage", "text")
_TRACE = (
    "exc_info", "exception", "traceback", "exc_text", "stack_trace", "stackTrace", "stack", "exc", "error",
    "error.stack_trace",
)  # fmt: skip
# Where a record comes from, which is left to those who want all fields.
_ORIGIN = {"logger", "name", "logger_name", "log.logger"}
_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_LONGEST = 4_000  # characters of a line
_MILLISECONDS = 1e11  # a larger number of seconds would be past the year 5000

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Exception groups draw a margin of bars.
_MARGIN = " |+"
# A syntax error names its file as if it were a frame, inside of nothing.
_FRAME = re.compile(r'[ |+]*File "(?P<path>[^"]+)", line \d+(?P<inside>, in )?')
# Where the local target unpacks an image: paths below it are the project's.
_UNPACKED = re.compile(r"(^|[\s\"'(])/[^\s\"']*/\.opsctl/local/images/[0-9a-f]{64}/")
_CARETS = re.compile(r"[\s|+]+[~^]+[\s~^]*")
# The layer's own files lie below `.opsctl` on this machine.
_FOREIGN = re.compile(
    r"/(site|dist)-packages/|/lib/python\d|^<frozen |^<string>|^/opt/opsctl/|^/var/runtime/|"
    r"/\.opsctl/layers/layer-[0-9a-f]{16}/"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one log event says. `time` (UTC where it is known) and `level` are "" where it has none; `lines`, one or
    more, are its message with the fields beside it (`name=value`), then its traceback; `fields` is the JSON object as
    it was written, None of another text.
    """

    time: str
    level: str
    lines: tuple[str, ...]
    fields: Mapping[str, Any] | None = None


def readable(message: str) -> list[str]:
    """One log event as lines: `time level message`, then its traceback; a line that is no JSON as it is."""
    return readable_lines([message])


def readable_lines(messages: Iterable[str]) -> list[str]:
    """Log events in their order, as `readable` has them; a traceback may be spread over several, as on stderr."""
    return own_frames(line for message in messages for line in _unfolded(message))


def own_frames(lines: Iterable[str]) -> list[str]:
    """The lines without the frames of what the project did not write; of a traceback without any other, the last stays.

    A frame is its `File` line with the source below, which is indented further.
    """
    parts: list[tuple[_Kind, list[str]]] = []
    margin = 0
    for line in lines:
        frame, indent = _FRAME.match(line), len(line) - len(line.lstrip(_MARGIN))
        if frame:
            margin = indent
            parts.append(("foreign" if frame["inside"] and _FOREIGN.search(frame["path"]) else "own", [line]))
        elif parts and parts[-1][0] != "text" and indent > margin:
            parts[-1][1].append(line)
        else:
            parts.append(("text", [line]))
    kept: list[str] = []
    for is_text, run in groupby(parts, key=lambda part: part[0] == "text"):
        found = list(run)
        own = found if is_text else [part for part in found if part[0] == "own"] or found[-1:]
        kept += [line for _, part in own for line in part]
    return kept


def settled(text: str) -> str:
    """`text` as a screen would keep it: of a line that is begun anew by a carriage return, as progress bars do, the
    last state.
    """
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def clean(text: str) -> str:
    """`text` without colours, and with whatever else a terminal acts on escaped; line breaks stay."""
    plain = _ESCAPES.sub("", text.replace("\r\n", "\n")).replace("\t", "    ")
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), plain)


def entry(message: str) -> Entry:
    """The parts of one log event, without the frames of what the project did not write."""
    found, beside = _parts(message)
    first, *rest = own_frames(found.lines) or [""]
    return replace(found, lines=(" ".join(filter(None, (first, *beside))), *rest))


def _unfolded(message: str) -> list[str]:
    found, _ = _parts(message)
    first, *rest = found.lines or ("",)
    head = " ".join(part for part in (found.time, found.level, first) if part)
    return [*([head] if head else []), *rest]


def _parts(message: str) -> tuple[Entry, list[str]]:
    """An event with all frames, and the fields beside its message."""
    fields = _fields(message)
    if fields is None:
        return Entry("", "", tuple(_lines(message))), []
    time, level, text = (_first(fields, names) for names in (_TIME, _LEVEL, _MESSAGE))
    traces = {name: found for name in _TRACE if (found := _trace(fields.get(name)))}
    if text is None and not traces:
        return Entry("", "", tuple(_lines(message)), fields), []
    lines = _lines("" if text is None else str(fields[text])) or [""]
    seen = {line.strip() for line in lines[1:]}
    lines += [line for each in traces.values() for line in each if not seen or line.strip() not in seen]
    told = {time, level, text, *traces, *_ORIGIN}
    beside = [_field(name, value) for name, value in fields.items() if name not in told]
    return Entry(_when(time and fields[time]), _level(level and fields[level]), tuple(lines), fields), beside


def _field(name: str, value: Any) -> str:
    """A field beside the message, on one line."""
    plain = isinstance(value, str) and value and not re.search(r'[\s"=]', value)
    written = value if plain else json.dumps(value, ensure_ascii=False)
    return _cut(clean(f"{name}={written}").replace("\n", " "))


def _level(value: Any) -> str:
    named = _LEVELS.get(value, value) if isinstance(value, int) else value
    return "" if named is None else clean(str(named)).replace("\n", " ").upper()


def _fields(message: str) -> Mapping[str, Any] | None:
    text = _ESCAPES.sub("", message).strip()
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _first(fields: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of these names that has a plain value."""
    return next(
        (name for name in names if isinstance(fields.get(name), (int, float, str)) and fields[name] != ""), None
    )


def _when(value: Any) -> str:
    """`2026-11-29 12:00:01` of a number of seconds or milliseconds since 1970, or of ISO 8601; any other text as is."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC)
        elif isinstance(value, str):
            moment = datetime.fromisoformat(value.replace(",", "."))
        else:
            return ""
    except (ValueError, OverflowError, OSError):
        return clean(str(value)).replace("\n", " ")
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _trace(value: Any) -> list[str]:
    """A traceback's lines: of a text, of a list of texts or of structlog's dictionaries, or of Elastic's `error`."""
    if isinstance(value, str):
        lines = _lines(value)
        return lines if len(lines) > 1 or _FRAME.match(value) else []
    if isinstance(value, Mapping):
        return _trace(value.get("stack_trace") or value.get("stack") or value.get("traceback"))
    if not isinstance(value, list):
        return []
    if all(isinstance(item, str) for item in value):
        return [line for item in value for line in _lines(item)]
    return [line for item in value if isinstance(item, Mapping) for line in _structured(item)]


def _structured(item: Mapping[str, Any]) -> list[str]:
    frames = item.get("frames")
    found = ["Traceback (most recent call last):"]
    for frame in frames if isinstance(frames, list) else ():
        if isinstance(frame, Mapping):
            where = f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}'
            found += _lines(where)
    return [*found, *_lines(f"{item.get('exc_type')}: {item.get('exc_value')}")]


def _lines(text: str) -> list[str]:
    lines = [_cut(line.rstrip()) for line in clean(text).split("\n") if line.strip()]
    return [_UNPACKED.sub(r"\1", line) for line in lines if not _CARETS.fullmatch(line)]


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}… ({len(line) - _LONGEST:,} more characters)"
