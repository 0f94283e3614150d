"""A raw file as records: one way for every file, whatever its encoding, line ends and quotes are.

A record is one text: what is wrong with it, then its fields, each behind `SEPARATOR`. In UTF-8 it goes to DuckDB as it
is, and lines without quotes are made records many at once.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import IO, TextIO

from salaries.ingest.columns import ALIASES
from salaries.ingest.errors import IngestError
from salaries.ingest.kinds import foreign_kind
from salaries.ingest.mapping import SEPARATOR, Batch, Mapping
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
TOO_LONG = "line too long"
_GLANCE = 1 << 20
_DELIMITERS = ",;\t|"
# A header may stand below a title or comments.
_LINES_ABOVE = 20
# A quoted text longer than this many lines is a quote that was never closed.
_LONGEST_RECORD_LINES = 100
_LONGEST_LINE = 1_000_000
_BLOCK, _BLOCK_ROWS = 1 << 16, 256
# Fewer would be looked at again and again while a quote waits for its end.
_LEAST_LINES = 2 * _LONGEST_RECORD_LINES
# Far more than a column takes, so what is cut is rejected all the same.
_LONG_RECORD, _LONGEST_FIELD = 50_000, 1000
_BEFORE = SEPARATOR.encode()
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

    def lines(self) -> Iterator[list[str]]:
        """Yield the lines without their ends, some hundred at a time.

        Raises:
            IngestError: a packed file is damaged or cut short.
        """
        if is_workbook(self.path):
            rows = workbook_lines(self.path, name=self.name, sheet=self.sheet)
            while some := list(islice(rows, _BLOCK_ROWS)):
                yield some
            return
        with _opened(self.path, self.name) as handle, _text(handle, self.encoding) as text:
            yield from _lines(text)


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
        lines = list(islice(chain.from_iterable(raw.lines()), _LINES_ABOVE + skip))
        above, _, header = _header(lines, known, skip, delimiters=",")
        return replace(raw, header=header, above=above, trouble=_trouble(b"", header, known))
    with _opened(path, name) as handle:
        first = handle.read(_GLANCE)
    codec = _codec(first, ENCODINGS[encoding])
    with _text(io.BytesIO(first), codec) as text:
        lines = list(islice(chain.from_iterable(_lines(text)), _LINES_ABOVE + skip))
    above, delimiter, header = _header(lines, known, skip)
    return RawFile(path, name, codec, delimiter, header, above, _trouble(first, header, known))


def _trouble(first: bytes, header: tuple[str, ...], known: frozenset[str]) -> str:
    if kind := foreign_kind(first):
        return f"is {kind}, not a CSV"
    if not header:
        return "is empty"
    return "" if known & {*header} else "names none of the known columns in its first line"


def records(raw: RawFile) -> Iterator[tuple[int, str]]:
    """Yield (line number, record) of each row; blank lines are none.

    Raises:
        IngestError: a packed file is damaged or cut short.
    """
    for batch in batches(raw):
        yield from zip(batch.numbers, map(bytes.decode, batch.texts), strict=True)


def batches(raw: RawFile) -> Iterator[Batch]:
    """Yield the records of a file some hundred at a time, which costs each of them a fraction; see `records`."""
    number, above = raw.above + 1, raw.above
    ahead: list[str] = []
    for fresh in chain(raw.lines(), [[]]):
        ahead, above = ahead + fresh[above:], max(above - len(fresh), 0)
        if not ahead or (fresh and len(ahead) < _LEAST_LINES):
            continue
        texts = _texts(ahead, raw.delimiter, last=not fresh)
        if all(texts):
            yield Batch(range(number, number + len(texts)), texts)
        else:
            yield Batch([at for at, text in enumerate(texts, number) if text], [text for text in texts if text])
        number += len(texts)
        ahead = ahead[len(texts) :]


def _lines(text: TextIO) -> Iterator[list[str]]:
    while block := text.read(_BLOCK):
        begun = len(block) - 1 - block.rfind("\n")
        rest = text.readline(_LONGEST_LINE - begun)
        yield (block + rest).removesuffix("\n").split("\n")
        # What is left of a line that is too long is no line of its own.
        while rest and not rest.endswith("\n"):
            rest = text.readline(_LONGEST_LINE)


def _texts(lines: list[str], delimiter: str, *, last: bool) -> list[bytes]:
    """Return the record that each line begins, or b"".

    Unless the `last` lines are among them, it ends before a quote that may be closed by a line to come.
    """
    plain = "\n".join(lines)
    odd: list[int] = []
    # Most often none is, which is cheaper to see for all at once.
    if '"' in plain or max(map(len, lines)) >= _LONG_RECORD or not all(map(str.strip, lines)):
        odd = [at for at, line in enumerate(lines) if '"' in line or len(line) >= _LONG_RECORD or not line.strip()]
        others = lines.copy()
        for at in odd:
            others[at] = ""
        plain = "\n".join(others)
    separated = plain.encode().translate(bytes.maketrans(f"{SEPARATOR}{delimiter}".encode(), b" " + _BEFORE))
    texts = (_BEFORE + separated.replace(b"\n", b"\n" + _BEFORE)).split(b"\n")
    quotes, free = _Quotes(lines, delimiter), 0
    for at in odd:
        if at < free:
            continue
        line, free = lines[at], at + 1
        if not line.strip():
            texts[at] = b""
        elif len(line) >= _LONGEST_LINE:
            # It ends where reading did, which may be within a figure.
            texts[at] = _cut(TOO_LONG, [])
        elif '"' not in line:
            texts[at] = _cut("", _fields(line, delimiter))
        elif fields := quotes.fields(at):
            free = quotes.next
            texts[at:free] = [_cut("", fields), *[b""] * (free - at - 1)]
        elif not last and at + _LONGEST_RECORD_LINES >= len(lines):
            return texts[:at]
        else:
            # The lines after it stay: one bad quote must cost one row.
            texts[at] = _cut(UNCLOSED, _fields(line.replace('"', ""), delimiter))
    return texts


class _Quotes:
    """Reads records whose quotes may hold several lines; `next` is the line after the last one that was read."""

    def __init__(self, lines: list[str], delimiter: str) -> None:
        self.next = 0
        self._lines = lines
        self._delimiter = delimiter
        self._start()

    def _start(self) -> None:
        self._ran_out = False
        self._reader = csv.reader(iter(self._line, None), delimiter=self._delimiter)

    def _line(self) -> str | None:
        if self.next == self._end or len(self._lines[self.next]) >= _LONGEST_LINE:
            self._ran_out = True
            return None
        self.next += 1
        return self._lines[self.next - 1].replace(SEPARATOR, " ") + "\n"

    def fields(self, at: int) -> list[str]:
        """Return the fields of the record that begins with a line, or none when its quote is never closed."""
        self.next, self._end = at, min(at + _LONGEST_RECORD_LINES + 1, len(self._lines))
        fields = next(self._reader)
        if self._ran_out:
            self._start()
            return []
        return fields


def _fields(line: str, delimiter: str) -> list[str]:
    return line.replace(SEPARATOR, " ").split(delimiter)


def _cut(problem: str, fields: list[str]) -> bytes:
    text = SEPARATOR.join([problem, *fields])
    # Only quotes hold line ends; those at the ends of a field are blanks like any other.
    if "\n" in text:
        text = SEPARATOR.join([problem, *map(str.strip, fields)])
    if len(text) >= _LONG_RECORD:
        text = SEPARATOR.join(field[:_LONGEST_FIELD] for field in text.split(SEPARATOR))
    return text.encode()


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
        if number <= skip or not line.strip():
            continue
        if not found and line[:4].lower() == "sep=":
            chosen = line[4:5] if line[4:5] in _DELIMITERS else ""
            continue
        delimiter = chosen or max(delimiters, key=line.count)
        names = names_of(next(csv.reader([line], delimiter=delimiter), []))
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
