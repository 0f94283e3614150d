"""A raw file as records: one way for every file, whatever its encoding, line ends and quotes are.

A record is one text: what is wrong with it, then its fields, each behind `SEPARATOR`. In UTF-8 it goes to DuckDB as it
is, and a line without quotes costs Python no more than one replacement.
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
from functools import partial
from itertools import islice
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
_GLANCE = 1 << 20
_DELIMITERS = ",;\t|"
# A header may stand below a title or comments.
_LINES_ABOVE = 20
# A quoted text longer than this many lines is a quote that was never closed.
_LONGEST_RECORD_LINES = 100
_LONGEST_LINE = 1_000_000
# Few enough that as many of the longest lines fit into memory.
_BATCH_LINES = 256
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

    def lines(self) -> Iterator[str]:
        """Yield each line, with its end as a line feed.

        Raises:
            IngestError: a packed file is damaged or cut short.
        """
        if is_workbook(self.path):
            yield from workbook_lines(self.path, name=self.name, sheet=self.sheet)
            return
        with _opened(self.path, self.name) as handle, _text(handle, self.encoding) as text:
            yield from iter(partial(text.readline, _LONGEST_LINE), "")


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
        lines = list(islice(raw.lines(), _LINES_ABOVE + skip))
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


def records(raw: RawFile) -> Iterator[tuple[int, str]]:
    """Yield (line number, record) of each row; blank lines are none.

    Raises:
        IngestError: a packed file is damaged or cut short.
    """
    for batch in batches(raw):
        yield from zip(batch.numbers, map(bytes.decode, batch.texts), strict=True)


def batches(raw: RawFile) -> Iterator[Batch]:
    """Yield the records of a file some hundred at a time, which costs each of them a fraction; see `records`."""
    lines = islice(raw.lines(), raw.above, None)
    number = raw.above + 1
    ahead: list[str] = []
    while ahead := [*ahead, *(fresh := list(islice(lines, _BATCH_LINES)))]:
        texts = _texts(ahead, raw.delimiter, last=len(fresh) < _BATCH_LINES)
        if all(texts):
            yield Batch(range(number, number + len(texts)), texts)
        else:
            yield Batch([at for at, text in enumerate(texts, number) if text], [text for text in texts if text])
        number += len(texts)
        ahead = ahead[len(texts) :]


def _texts(lines: list[str], delimiter: str, *, last: bool) -> list[bytes]:
    """Return the record that each line begins, or b"".

    Unless the `last` lines are among them, it ends before a quote that may be closed by a line to come.
    """
    odd = [at for at, line in enumerate(lines) if '"' in line or len(line) >= _LONG_RECORD or line.isspace()]
    plain = lines.copy()
    for at in odd:
        plain[at] = "\n"
    # All others at once.
    separated = "".join(plain).encode().translate(bytes.maketrans(f"{SEPARATOR}{delimiter}".encode(), b" " + _BEFORE))
    texts = (_BEFORE + separated.removesuffix(b"\n").replace(b"\n", b"\n" + _BEFORE)).split(b"\n")
    quotes, free = _Quotes(lines, delimiter), 0
    for at in odd:
        if at < free:
            continue
        line, free = lines[at], at + 1
        if line.isspace():
            texts[at] = b""
        elif '"' not in line:
            texts[at] = _cut(SEPARATOR + _separated(line, delimiter))
        elif record := quotes.record(at):
            free = quotes.next
            texts[at:free] = [_cut(record), *[b""] * (free - at - 1)]
        elif not last and at + _LONGEST_RECORD_LINES >= len(lines):
            return texts[:at]
        else:
            # The lines after it stay: one bad quote must cost one row.
            texts[at] = _cut(UNCLOSED + SEPARATOR + _separated(line.replace('"', ""), delimiter))
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
        if self.next == self._end:
            self._ran_out = True
            return None
        self.next += 1
        return self._lines[self.next - 1].replace(SEPARATOR, " ")

    def record(self, at: int) -> str:
        """Return the record that begins with a line, or "" when its quote is never closed."""
        self.next, self._end = at, min(at + _LONGEST_RECORD_LINES + 1, len(self._lines))
        fields = next(self._reader)
        if self._ran_out:
            self._start()
            return ""
        record = SEPARATOR.join(["", *fields])
        # Only quotes hold line ends; those at the ends of a field are blanks like any other.
        return SEPARATOR.join(["", *map(str.strip, fields)]) if "\n" in record else record


def _separated(line: str, delimiter: str) -> str:
    return line.removesuffix("\n").replace(SEPARATOR, " ").replace(delimiter, SEPARATOR)


def _cut(text: str) -> bytes:
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
