"""What a file is that is no CSV, whatever its name says."""

from __future__ import annotations

import codecs
import re

ZIP_START = b"PK\x03\x04"
_STARTS = (
    (ZIP_START, "a packed file (zip)"),
    (b"PK\x05\x06", "an empty zip"),
    (b"\x1f\x8b", "a gzip file (its name would end with .csv.gz)"),
    (b"BZh", "packed by bzip2"),
    (b"\xfd7zXZ\0", "packed by xz"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
)
# A header may begin with a bracket too, but not go on like this.
_JSON = re.compile(rb'\{\s*["}]|\[\s*[\[\]{"\d]')
_WORKBOOK = (b"[Content_Types].xml", b"xl/", b"_rels/.rels", b"docProps/")


def foreign_kind(first: bytes) -> str:
    """Return what a file is that begins with `first` and is no CSV; nothing for one that may be."""
    if first.startswith(ZIP_START) and any(first.startswith(name, 30) for name in _WORKBOOK):
        return "a packed file, such as a renamed xlsx"
    for start, kind in _STARTS:
        if first.startswith(start):
            return kind
    text = first.lstrip(codecs.BOM_UTF8 + b" \t\r\n")
    if text.startswith(b"<"):
        return "HTML or XML"
    return "JSON" if _JSON.match(text) else ""
