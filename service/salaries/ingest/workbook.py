"""A sheet of an Excel workbook as lines of CSV, so that it is read in the one way in which every file is."""

from __future__ import annotations

import csv
import datetime
import io
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from salaries.ingest.errors import IngestError
from salaries.ingest.zips import opened_zip

# Of a workbook's parts together; it is packed, and may stand for far more than it takes.
_UNPACKED_BYTES = 1 << 30
_CHUNK = 1 << 20
_DAMAGED = (
    zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError, IndexError, KeyError, ValueError,
    ParseError,
)  # fmt: skip


def is_workbook(path: Path) -> bool:
    """Tell whether `path` is called a workbook."""
    return path.suffix.lower() == ".xlsx"


def workbook_lines(path: Path, *, name: str, sheet: str | int) -> Iterator[str]:
    """Yield a line of CSV for each row of a sheet, which is named or counted from 0.

    Raises:
        IngestError: it is no workbook, too large, or has no such sheet.
    """
    import openpyxl

    try:
        _check_size(path, name)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            chosen = _sheet(book, sheet, name)
            # What a program wrote there as the sheet's size is often wrong.
            chosen.reset_dimensions()
            yield from map(_line, chosen.iter_rows(values_only=True))
        finally:
            book.close()
    except _DAMAGED as error:
        raise IngestError(f"{name} can't be read as an Excel workbook ({error}); save it again, or as CSV.") from error


def _check_size(path: Path, name: str) -> None:
    """Unpack it once, in small parts: it may hold more than it says, and openpyxl would have all of it in memory."""
    room = _UNPACKED_BYTES
    with opened_zip(path, name, "save it again, or as CSV.") as parts:
        for part in parts.infolist():
            part.file_size = sys.maxsize  # whatever it says; so its checksum is that of all it holds
            with parts.open(part) as packed:
                while chunk := packed.read(_CHUNK):
                    room -= len(chunk)
                    if room < 0:
                        raise IngestError(
                            f"{name} stands for more than {_UNPACKED_BYTES:,} bytes; save its sheet as CSV."
                        )


def _sheet(book: Any, sheet: str | int, name: str) -> Any:
    sheets = {found.title: found for found in book.worksheets}
    if isinstance(sheet, int) and sheet < len(sheets):
        return book.worksheets[sheet]
    if sheet in sheets:
        return sheets[sheet]
    raise IngestError(f"{name} has no sheet {sheet!r}; there are: {', '.join(sheets) or 'none'}.")


def _line(row: tuple[Any, ...]) -> str:
    texts = [_text(value) for value in row]
    while texts and not texts[-1]:
        texts.pop()
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(texts)
    return line.getvalue()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value).replace("\r\n", "\n").replace("\r", "\n")
