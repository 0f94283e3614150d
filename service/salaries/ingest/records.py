"""A raw file as records: one way for every file, whatever its encoding, line ends and quotes are.

A record is one text: what is wrong with it, then its fields, each behind `SEPARATOR`. So it goes to DuckDB as it is,
and a line without quotes costs Python no more than one replacement.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, TextIO

from salaries.ingest.columns import ALIASES
from salaries.ingest.errors import IngestError
from salaries.ingest.kinds import foreign_kind
from salaries.ingest.mapping import SEPARATOR, Line, Mapping
from salaries.ingest.words import folded
from salaries.ingest.workbook import is_workbook, workbook_lines

# The reader's own limit of 128 KiB would end the build at one long text instead of rejecting it.
csv.field_size_limit(1 << 30)
ENCODINGS = {
    "utf-8": "utf-8-sig",
    "utf-8-sig": "utf-8-sig",
    "latin-1": "latin-1",
    "iso-8859-1": "latin-1",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
}
WRONG_BYTE = "\uffff"  # no character, so it stands in no text
UNCLOSED = "a quote is never closed"
_GLANCE = 1 << 20
_DELIMITERS = ",;\t|"
# A header may stand below a title or comments.
_LINES_ABOVE = 20
# A quoted text longer than this many lines is a quote that was never closed.
_LONGEST_RECORD_LINES = 100
_LONGEST_LINE = 1_000_000
# Far more than a column takes, so what is cut is rejected all the same.
_LONG_RECORD, _LONGEST_FIELD = 50_000, 1000
_KNOWN_NAMES = frozenset(alias for aliases in ALIASES.values() for alias in aliases)
codecs.register_error("mark", lambda error: (WRONG_BYTE, error.end))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class RawFile:
    """A raw file and how its rows are read: `above` counts the lines down to its header, which is one of them.

    `trouble` says why it can hold no row of the dataset, whatever its lines are.
    """

    path: Path
    name: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    above: int
    trouble: str = ""
    sheet: str | int = 0  # of a workbook

    def lines(self) -> Iterator[Line]:
        """Yield (number, text) of each line, with its end as a line feed.

        Raises:
            IngestError: a packed file is damaged or cut short.
        """
        if is_workbook(self.path):
            yield from workbook_lines(self.path, name=self.name, sheet=self.sheet)
            return
        with _opened(self.path, self.name) as handle, _text(handle, self.encoding) as text:
            yield from enumerate(iter(partial(text.readline, _LONGEST_LINE), ""), 1)


def glance_at(path: Path, *, name: str, encoding: str, mapping: Mapping | None = None) -> RawFile:
    """Return how to read `path`, as its beginning tells.

    Args:
        path: the file.
        name: what to call it.
        encoding: a key of `ENCODINGS`; a byte order mark counts for more.
        mapping: what its source says of its rows.

    Raises:
        IngestError: a `.gz` is damaged or cut short.
    """
    skip, known = (mapping.skip_rows, _KNOWN_NAMES | mapping.headers) if mapping else (0, _KNOWN_NAMES)
    if is_workbook(path):
        raw = RawFile(path, name, "", ",", (), 0, sheet=mapping.sheet if mapping else 0)
        lines = [line for _, line in islice(raw.lines(), _LINES_ABOVE + skip)]
        above, _, header = _header(lines, known, skip, delimiters=",")
        return replace(raw, header=header, above=above, trouble=_trouble(b"", header, known))
    with _opened(path, name) as handle:
        first = handle.read(_GLANCE)
    codec = _codec(first, ENCODINGS[encoding])
    with _text(io.BytesIO(first), codec) as text:
        lines = list(islice(iter(partial(text.readline, _LONGEST_LINE), ""), _LINES_ABOVE + skip))
    above, delimiter, header = _header(lines, known, skip)
    return RawFile(path, name, codec, delimiter, header, above, _trouble(first, header, known))


def _trouble(first: bytes, header: tuple[str, ...], known: frozenset[str]) -> str:
    if kind := foreign_kind(first):
        return f"is {kind}, not a CSV"
    if not header:
        return "is empty"
    return "" if known & {*header} else "names none of the known columns in its first line"


def records(raw: RawFile) -> Iterator[Line]:
    """Yield (line number, record) of each row; blank lines are none.

    Raises:
        IngestError: a `.gz` is damaged or cut short.
    """
    delimiter = raw.delimiter
    waiting: deque[Line] = deque()
    lines = islice(raw.lines(), raw.above, None)

    def following() -> Line | None:
        return waiting.popleft() if waiting else next(lines, None)

    while line := following():
        number, text = line
        if '"' in text:
            text = _quoted(text, delimiter, following, waiting)
        elif text.isspace():
            continue
        else:
            text = SEPARATOR + text.removesuffix("\n").replace(SEPARATOR, " ").replace(delimiter, SEPARATOR)
        yield number, text if len(text) < _LONG_RECORD else _cut(text)


def _quoted(line: str, delimiter: str, following: Callable[[], Line | None], waiting: deque[Line]) -> str:
    """Return the record that begins with `line`, whose quotes may hold the lines after it as well."""
    taken, rest = line, list[Line]()
    fields = _split(taken, delimiter)
    while fields is None and len(rest) < _LONGEST_RECORD_LINES and (added := following()):
        rest.append(added)
        taken += added[1]
        if '"' in added[1]:
            fields = _split(taken, delimiter)
    if fields is None:
        # Give the following lines back: one bad quote must cost one row.
        waiting.extendleft(reversed(rest))
        return UNCLOSED + SEPARATOR + line.removesuffix("\n").replace('"', "").replace(delimiter, SEPARATOR)
    return SEPARATOR.join(["", *fields])


def _cut(text: str) -> str:
    return SEPARATOR.join(field[:_LONGEST_FIELD] for field in text.split(SEPARATOR))


def _split(text: str, delimiter: str) -> list[str] | None:
    """Return the fields of a record, or None when it ends inside a quoted one; such a field takes in what is added."""
    added = delimiter + WRONG_BYTE
    fields = next(csv.reader([text.removesuffix("\n").replace(SEPARATOR, " ") + added], delimiter=delimiter))
    return fields if fields.pop() == WRONG_BYTE else None


def names_of(fields: list[str]) -> tuple[str, ...]:
    """Return header names as they are compared: without blanks around them, case and what can't be seen."""
    return tuple(folded(name) for name in fields)


def _header(
    lines: list[str], known: frozenset[str], skip: int, delimiters: str = _DELIMITERS
) -> tuple[int, str, tuple[str, ...]]:
    """Return how many lines end with the header, the delimiter, and the header's names."""
    found: list[tuple[int, str, tuple[str, ...]]] = []
    chosen = ""
    for number, line in enumerate(lines, 1):
        if number <= skip or line.isspace():
            continue
        if not found and line[:4].lower() == "sep=":
            chosen = line[4:5] if line[4:5] in _DELIMITERS else ""
            continue
        delimiter = chosen or max(delimiters, key=line.count)
        names = names_of(next(csv.reader([line.removesuffix("\n")], delimiter=delimiter), []))
        found.append((number, delimiter, names))
        if skip or len(known & {*names}) >= (1 if len(found) == 1 else 2):
            return found[-1]
    return found[0] if found else (len(lines), ",", ())


def _codec(first: bytes, declared: str) -> str:
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if first.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    # Text of two bytes a character without a mark: nearly every other byte of a header is NUL.
    start = first[:200]
    for codec, place in (("utf-16-le", 1), ("utf-16-be", 0)):
        half = start[place::2]
        if len(half) > 3 and half.count(0) * 10 > len(half) * 9 and not start[1 - place :: 2].count(0):
            return codec
    return declared


def _text(handle: IO[bytes], codec: str) -> TextIO:
    """Return `handle` as text. A lone carriage return ends a line too, as in files of old Macs."""
    return io.TextIOWrapper(handle, codec, errors="mark", newline=None)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a raw file, unpacking `.gz`."""
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as handle:
            yield handle  # type: ignore[misc]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise IngestError(f"{name} can't be unpacked ({error}); fetch it again or remove it.") from error
