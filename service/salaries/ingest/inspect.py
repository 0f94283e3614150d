"""A look at a raw file's bytes that decides how it is read.

DuckDB's CSV reader is fast but drops what it can't parse without saying so (an unclosed quote swallows the rows after
it). So only a file that is plain throughout goes to it as it is: valid UTF-8, no NUL, no blank line, every quote closed
on its own line. For such a file every line is one row, which also gives row numbers and an independent count.
Everything else takes the careful path of `rewrite`.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from salaries.ingest.columns import ALIASES
from salaries.ingest.errors import IngestError

# The reader's own limit of 128 KiB would end the build at one long text instead of rejecting it.
csv.field_size_limit(1 << 30)
ZIP_START = b"PK\x03\x04"
_KNOWN_NAMES = frozenset(alias for aliases in ALIASES.values() for alias in aliases)
_GLANCE = 1 << 20
_CHUNK = 1 << 17
_DELIMITERS = (",", ";", "\t", "|")
# Blanks that DuckDB's trim would leave; a tab is one too, unless it is the delimiter.
_ODD_BLANKS = (b"\0", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x1f")
# The first bytes of Unicode's blanks in UTF-8; other characters share them.
_BLANK_STARTS = (b"\xc2", b"\xe1", b"\xe2", b"\xe3")
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
ENCODINGS = {
    "utf-8": "utf-8-sig",
    "utf-8-sig": "utf-8-sig",
    "latin-1": "latin-1",
    "iso-8859-1": "latin-1",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
}


@dataclass(frozen=True)
class RawFile:
    """A raw file and what a look at it told.

    A file is `plain` when each line is a row; then `rows` counts them, else it is 0. It is `tidy` when no value would
    need quotes, and none can begin or end with a blank other than a space.
    """

    path: Path
    name: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    plain: bool
    tidy: bool
    rows: int
    trouble: str = ""  # why it can hold no row of the dataset, whatever its lines are

    def bears_out(self, guess: RawFile) -> bool:
        """Tell whether the file is at least as plain and tidy as was guessed."""
        return self.plain >= guess.plain and self.tidy >= guess.tidy


def open_raw(path: Path) -> IO[bytes]:
    """Open a raw file, unpacking `.gz`."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def glance_at(path: Path, *, name: str, encoding: str) -> RawFile:
    """Return what the beginning of `path` tells: `plain` and `tidy` are guesses, `rows` is 0.

    Args:
        path: the file.
        name: what to call it.
        encoding: a key of `ENCODINGS`.

    Raises:
        IngestError: a `.gz` is damaged or cut short.
    """
    codec = ENCODINGS[encoding]
    with _unpacking(name), open_raw(path) as handle:
        first = handle.read(_GLANCE)
    if first.startswith(_UTF16_MARKS):
        codec = "utf-16"
    elif first.startswith(codecs.BOM_UTF8):
        codec = "utf-8-sig"
    delimiter, header = _header(first, codec)
    look = _Look(delimiter)
    look.feed(first)
    plain = codec == "utf-8-sig" and look.plain and bool(header)
    return RawFile(path, name, codec, delimiter, header, plain, look.tidy, rows=0, trouble=_trouble(first, header))


def foreign_kind(first: bytes) -> str:
    """Return what a file is that begins with `first` and is no CSV; nothing for one that may be."""
    start = first.lstrip(codecs.BOM_UTF8 + b" \t\r\n")
    if start.startswith(b"<"):
        return "HTML or XML"
    return "a packed file, such as a renamed xlsx" if start.startswith(ZIP_START) else ""


def _trouble(first: bytes, header: tuple[str, ...]) -> str:
    if kind := foreign_kind(first):
        return f"is {kind}, not a CSV"
    if not header:
        return "is empty"
    return "" if _KNOWN_NAMES & {*header} else "names none of the known columns in its first line"


def look_through(raw: RawFile) -> RawFile:
    """Read all of `raw` once and return it with its real `plain`, `tidy` and `rows`.

    Raises:
        IngestError: a `.gz` is damaged or cut short.
    """
    if not raw.plain:
        return raw
    look = _Look(raw.delimiter)
    with _unpacking(raw.name), open_raw(raw.path) as handle:
        while look.plain and (chunk := handle.read(_CHUNK)):
            look.feed(chunk)
    look.finish()
    return replace(raw, plain=look.plain, tidy=look.tidy, rows=look.lines - 1 if look.plain else 0)


@contextlib.contextmanager
def _unpacking(name: str) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise IngestError(f"{name} can't be unpacked ({error}); fetch it again or remove it.") from error


class _Look:
    """What has been seen of a file so far. Blank lines need no look: DuckDB leaves them out, so the counts differ."""

    def __init__(self, delimiter: str) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._inside_quotes = False
        self._last = b"\n"
        self.plain = True
        self.tidy = delimiter == ","
        self._tabs = delimiter == "\t"
        self.lines = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if not self.plain:
            return
        self.lines += chunk.count(b"\n")
        self.tidy = self.tidy and not any(byte in chunk for byte in _BLANK_STARTS)
        self.plain = self._blanks_are_spaces(chunk) and self._decodes(chunk) and self._quotes_close(chunk)
        self._last = chunk[-1:] or self._last

    def finish(self) -> None:
        """Take the end of the file; a last line without a newline is a line too."""
        if self._last != b"\n":
            self.lines += 1
        if self.plain:
            self.plain = self._decodes(b"", final=True) and not self._inside_quotes and self._last != b"\r"

    def _blanks_are_spaces(self, chunk: bytes) -> bool:
        """Tell whether no blank is one the reader would not strip, and no carriage return stands alone."""
        if any(blank in chunk for blank in _ODD_BLANKS):
            return False
        if b"\t" in chunk and (not self._tabs or b'"' in chunk):
            return False
        if b"\r" not in chunk and self._last != b"\r":
            return True
        joined = self._last + chunk
        return joined.count(b"\r") - joined.endswith(b"\r") == joined.count(b"\r\n")

    def _decodes(self, chunk: bytes, *, final: bool = False) -> bool:
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            return False
        return True

    def _quotes_close(self, chunk: bytes) -> bool:
        began_inside = self._inside_quotes
        if not began_inside and self._last == b'"' and chunk[:1] not in b",\r\n":
            self.tidy = False
        if b'"' not in chunk:
            self.tidy = self.tidy and not began_inside
            return not (began_inside and b"\n" in chunk)
        parts = chunk.split(b'"')
        inside = b"".join(parts[0 if began_inside else 1 :: 2])
        outside = parts[1 if began_inside else 0 :: 2]
        self._inside_quotes = began_inside != (len(parts) % 2 == 0)
        self.tidy = self.tidy and not inside and self._quotes_are_values(outside, began_inside=began_inside)
        return b"\n" not in inside

    def _quotes_are_values(self, outside: list[bytes], *, began_inside: bool) -> bool:
        """Tell whether quotes open and close at the ends of a value only, given what lies between quoted texts."""
        before = [piece[-1:] for piece in (outside if self._inside_quotes else outside[:-1])]
        if not began_inside and not outside[0] and before:
            before[0] = self._last
        after = [piece[:1] for piece in (outside if began_inside else outside[1:])]
        if not self._inside_quotes and not outside[-1] and after:
            after.pop()  # the next chunk tells
        return {*before} <= {b",", b"\n"} and {*after} <= {b",", b"\r", b"\n"}


def _header(first: bytes, codec: str) -> tuple[str, tuple[str, ...]]:
    text = first.decode(codec, errors="replace")
    line = next((line for line in io.StringIO(text, newline=None) if line.strip()), "").removesuffix("\n")
    delimiter = max(_DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    return delimiter, tuple(name.strip().lower() for name in names)
