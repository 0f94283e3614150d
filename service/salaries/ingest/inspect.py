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

from salaries.ingest.errors import IngestError

# The reader's own limit of 128 KiB would end the build at one long text instead of rejecting it.
csv.field_size_limit(1 << 30)
_CHUNK = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
# Blanks that DuckDB's trim would leave; a tab is one too, unless it is the delimiter.
_ODD_BLANKS = (b"\0", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x1f")
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
    """A raw file and what a look at it told. `rows` counts the lines below the header when `plain`, else it is 0."""

    path: Path
    name: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    plain: bool
    rows: int


def open_raw(path: Path) -> IO[bytes]:
    """Open a raw file, unpacking `.gz`."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def glance_at(path: Path, *, name: str, encoding: str) -> RawFile:
    """Return what the beginning of `path` tells: `plain` is a guess, `rows` is 0. `encoding` is a key of `ENCODINGS`.

    Raises:
        IngestError: a `.gz` is damaged or cut short.
    """
    codec = ENCODINGS[encoding]
    with _unpacking(name), open_raw(path) as handle:
        first = handle.read(_CHUNK)
    if first.startswith(_UTF16_MARKS):
        codec = "utf-16"
    elif first.startswith(codecs.BOM_UTF8):
        codec = "utf-8-sig"
    delimiter, header = _header(first, codec)
    look = _Look(tabs=delimiter == "\t")
    look.feed(first)
    plain = codec == "utf-8-sig" and look.plain and bool(header)
    return RawFile(path, name, codec, delimiter, header, plain, rows=0)


def look_through(raw: RawFile) -> RawFile:
    """Read all of `raw` once and return it with its real `plain` and `rows`.

    Raises:
        IngestError: a `.gz` is damaged or cut short.
    """
    if not raw.plain:
        return raw
    look = _Look(tabs=raw.delimiter == "\t")
    with _unpacking(raw.name), open_raw(raw.path) as handle:
        while look.plain and (chunk := handle.read(_CHUNK)):
            look.feed(chunk)
    look.finish()
    return replace(raw, plain=look.plain, rows=look.lines - 1 if look.plain else 0)


@contextlib.contextmanager
def _unpacking(name: str) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise IngestError(f"{name} can't be unpacked ({error}); fetch it again or remove it.") from error


class _Look:
    """What has been seen of a file so far. Blank lines need no look: DuckDB leaves them out, so the counts differ."""

    def __init__(self, *, tabs: bool) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._inside_quotes = False
        self._last = b"\n"
        self.plain = True
        self._tabs = tabs
        self.lines = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if not self.plain:
            return
        self.lines += chunk.count(b"\n")
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
        if b'"' not in chunk:
            return not (self._inside_quotes and b"\n" in chunk)
        parts = chunk.split(b'"')
        inside = parts[0 if self._inside_quotes else 1 :: 2]
        if (len(parts) - 1) % 2:
            self._inside_quotes = not self._inside_quotes
        return b"\n" not in b"".join(inside)


def _header(first: bytes, codec: str) -> tuple[str, tuple[str, ...]]:
    text = first.decode(codec, errors="replace")
    line = next((line for line in io.StringIO(text, newline=None) if line.strip()), "").removesuffix("\n")
    delimiter = max(_DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    return delimiter, tuple(name.strip().lower() for name in names)
