"""What lies in raw/ and is no CSV: a sheet of a workbook is read, anything else is named with what it is."""

from __future__ import annotations

import datetime
import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from salaries.ingest.build import build_dataset
from salaries.ingest.errors import IngestError

from tests.service.mapped import build, shown


def workbook(rows: list[list[Any]], *, title: str = "Pay") -> bytes:
    """Return an Excel workbook of an empty sheet and one with `rows`."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append(row)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def test_a_sheet_of_a_workbook_is_read_as_a_csv_is(data_dir: Path) -> None:
    day = datetime.datetime.fromisoformat("2026-03-01T10:30:00")
    rows: list[list[Any]] = [
        ["Salários de 2026", None, None, None],
        ["Cargo", "Salary", "Data", "Cidade"],
        ["Dev, Sr", 12500.0, day, 'Belo\n"Horizonte"'],
        [None, None, None, None],
        ["QA", 8000.5, None, None],
        ["PM", "x", None, None],
    ]
    keys = {"sheet": "Pay", "period": "month"}
    report, found, rejects = build(data_dir, workbook(rows), keys, name="a.xlsx")
    assert shown(found, "role", "total_compensation", "observed_at", "location") == [
        ("dev,_sr", "12500.00", "2026-03-01", 'Belo\n"Horizonte"'),
        ("qa", "8000.50", "", "Remoto"),
    ]
    assert shown(rejects, "file", "line", "reason") == [("a.xlsx", "6", "not a number")]
    assert report.rows_in == 3


def test_a_sheet_that_is_not_there_and_a_damaged_workbook_are_named(data_dir: Path) -> None:
    book = workbook([["role", "salary"], ["dev", 5]])
    with pytest.raises(IngestError, match=r"a\.xlsx has no sheet 'Pais'; there are: Sheet, Pay\."):
        build(data_dir, book, {"sheet": "Pais"}, name="a.xlsx")
    with pytest.raises(IngestError, match=r"a\.xlsx has no sheet 7"):
        build(data_dir, book, {"sheet": 7}, name="a.xlsx")
    with pytest.raises(IngestError, match=r"a\.xlsx can't be read as an Excel workbook"):
        build(data_dir, book[:-200], {"sheet": 1}, name="a.xlsx")


def packed_anew(book: bytes, method: int, part: bytes) -> bytes:
    """The workbook, one of its parts as `part`."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as source, zipfile.ZipFile(changed, "w", method) as target:
        for name in source.namelist():
            target.writestr(name, part if name == "xl/styles.xml" else source.read(name))
    return changed.getvalue()


def test_a_workbook_that_holds_more_than_it_says_is_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salaries.ingest.workbook._UNPACKED_BYTES", 1 << 20)
    lying = bytearray(packed_anew(workbook([["role", "salary"], ["dev", 5]]), zipfile.ZIP_DEFLATED, b" " * (1 << 21)))
    entry = lying.rfind(b"xl/styles.xml") - 46
    lying[entry + 16 : entry + 20] = zlib.crc32(b" " * 4).to_bytes(4, "little")
    lying[entry + 24 : entry + 28] = (4).to_bytes(4, "little")
    with pytest.raises(IngestError, match=r"a\.xlsx stands for more than 1,048,576 bytes"):
        build(data_dir, bytes(lying), {"sheet": "Pay"}, name="a.xlsx")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_workbook_of_which_no_part_can_be_unpacked_is_refused(data_dir: Path, method: int) -> None:
    book = packed_anew(workbook([["role", "salary"], ["dev", 5]]), method, b"<styleSheet/>")
    with pytest.raises(IngestError, match=r"a\.xlsx holds \'.*\', which is packed by another method than deflate"):
        build(data_dir, book, {"sheet": "Pay"}, name="a.xlsx")


def test_every_file_in_raw_is_read_or_named_with_the_reason(data_dir: Path) -> None:
    raw = data_dir / "raw"
    (raw / "deep").mkdir(parents=True)
    for name in ("REPORT.CSV", "a.tsv", "deep/b.txt", "c.xlsx", "d.csv.bz2", "e.zip", "notes.md", ".hidden", "._x.csv"):
        (raw / name).write_text("role,salary\ndev,5\n")
    (raw / "gone.csv").symlink_to(raw / "nothing")
    report = build_dataset(data_dir=data_dir, country="Brazil", encodings={})
    assert list(report.files) == ["REPORT.CSV"]
    assert list(report.passed_over) == [
        "._x.csv", "a.tsv", "c.xlsx", "d.csv.bz2", "deep/b.txt", "e.zip", "gone.csv", "notes.md"
    ]  # fmt: skip
    assert report.passed_over["._x.csv"] == "hidden, as its name begins with a dot"
    assert report.passed_over["gone.csv"] == "a link to nothing, or to a folder"
    declared_too = build_dataset(
        data_dir=data_dir, country="Brazil", encodings={"a.tsv": "utf-8", "deep/b.txt": "utf-8"}
    )
    assert list(declared_too.files) == ["REPORT.CSV", "a.tsv", "deep/b.txt"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"error": 1}', "JSON"),
        (b'[ {"a": 1}]', "JSON"),
        (b"<?xml version='1.0'?>", "HTML or XML"),
        (workbook([]), "a packed file, such as a renamed xlsx"),
        (b"PK\x03\x04" + bytes(26) + b"x.csv", "a packed file (zip)"),
        (b"\x1f\x8b\x08", "a gzip file (its name would end with .csv.gz)"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
        (b"%PDF-1.4", "a PDF"),
    ],
)
def test_what_is_no_csv_is_called_what_it_is(data_dir: Path, content: bytes, kind: str) -> None:
    (data_dir / "raw").mkdir(parents=True)
    (data_dir / "raw" / "a.csv").write_bytes(content)
    with pytest.raises(IngestError) as caught:
        build_dataset(data_dir=data_dir, country="Brazil", encodings={})
    assert f"a.csv is {kind}, not a CSV" in str(caught.value)
