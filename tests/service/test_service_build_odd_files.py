"""`build_salary_dataset` with files as people and machines leave them: odd names, line ends, blanks and sizes."""

from __future__ import annotations

import csv
import gzip
import hashlib
import os
import random
from pathlib import Path

import pytest
from salaries.ingest.build import BuildReport, build_dataset
from salaries.ingest.errors import IngestError
from salaries.ingest.figures import TWO_READINGS
from salaries.ingest.mapping import SEPARATOR
from salaries.ingest.records import glance_at, records


def build(
    data_dir: Path, files: dict[str, bytes | str], country: str = "Brazil", encodings: dict[str, str] | None = None
) -> tuple[BuildReport, list[str]]:
    """Build `files` and return the report and the roles that came out."""
    for name, content in files.items():
        path = data_dir / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    report = build_dataset(data_dir=data_dir, country=country, encodings=encodings or {})
    with (data_dir / "salaries.csv").open(encoding="utf-8", newline="") as handle:
        return report, [row["role"] for row in csv.DictReader(handle)]


@pytest.mark.parametrize("blank", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_blank_that_is_no_line_end_does_not_cut_a_row_with_quotes(data_dir: Path, blank: str) -> None:
    _, roles = build(data_dir, {"a.csv": f'\nsource,location,role,salary\n"a, b",x{blank}y,dev,1\n'})
    assert roles == ["dev"]


def test_lines_that_end_in_a_lone_carriage_return_are_rows(data_dir: Path) -> None:
    _, roles = build(data_dir, {"mac.csv": 'role,salary\rdev,1\r"ops",2\r', "mixed.csv": "role,salary\rqa,1\nsre,2\n"})
    assert roles == ["dev", "ops", "qa", "sre"]


def test_a_file_is_known_by_the_end_of_its_name_in_any_case(data_dir: Path) -> None:
    packed = {name: gzip.compress(f"role,salary\n{name},1\n".encode()) for name in ("A.CSV.GZ", "b.Csv.gz")}
    _, roles = build(data_dir, {**packed, "c.Csv": "role,salary\nc.csv,1\n"})
    assert roles == ["a.csv.gz", "b.csv.gz", "c.csv"]


def test_a_byte_order_mark_counts_for_more_than_the_declared_encoding(data_dir: Path) -> None:
    _, roles = build(data_dir, {"a.csv": "\ufeffrole,salary\nção,1\n"}, encodings={"a.csv": "latin-1"})
    assert roles == ["ção"]


def test_a_name_with_brackets_stands_for_itself_and_not_for_another_file(data_dir: Path) -> None:
    _, roles = build(data_dir, {"a[1].csv": "role,salary\ndev,1\n", "a1.csv": "role,salary\nops,2\n"})
    assert sorted(roles) == ["dev", "ops"]


def test_a_name_that_is_no_text_is_refused_in_a_sentence(data_dir: Path) -> None:
    with pytest.raises(IngestError, match=r"dce9\.csv' is not valid UTF-8; rename it"):
        build(data_dir, {os.fsdecode(b"\xe9.csv"): "role,salary\ndev,1\n"})


@pytest.mark.parametrize("notes", ["x" * 200_000, ("y" * 600_000 + "\n") * 9])
def test_a_huge_text_costs_no_more_than_its_own_row(data_dir: Path, notes: str) -> None:
    text = f'role,notes,salary\ndev,"{notes}",1\n"{notes}",,2\nops,"a\nb",3\n'
    report, roles = build(data_dir, {"a.csv": text})
    assert roles == ["dev", "ops"]
    assert report.reasons == {"text too long": 1}


def test_a_page_on_one_long_line_ends_no_build(data_dir: Path) -> None:
    _, roles = build(data_dir, {"a.csv": f"<html>{'x' * 3_000_000}</html>", "b.csv": "role,salary\ndev,1\n"})
    assert roles == ["dev"]


@pytest.mark.parametrize("day", ["0000-01-01", "01/01/0000"])
def test_the_year_zero_is_an_unreadable_date(data_dir: Path, day: str) -> None:
    report, _ = build(data_dir, {"a.csv": f"role,salary,date\ndev,1,{day}\n"})
    assert report.unreadable_dates == 1
    assert "BC" not in (data_dir / "salaries.csv").read_text()


@pytest.mark.parametrize("blank", ["\u00a0", "\u2003", "\u3000", "\x85"])
def test_every_blank_inside_a_role_becomes_an_underscore(data_dir: Path, blank: str) -> None:
    _, roles = build(data_dir, {"a.csv": f"role,salary\nData{blank}Engineer,1\n"})
    assert roles == ["data_engineer"]


@pytest.mark.parametrize("blank", [char for char in map(chr, range(0x3001)) if char.isspace()])
def test_no_blank_is_left_at_the_ends_of_a_text(data_dir: Path, blank: str) -> None:
    _, roles = build(data_dir, {"a.csv": f'role,city,salary\n"{blank}dev{blank}","{blank}Recife{blank}",1\n'})
    (row,) = csv.DictReader((data_dir / "salaries.csv").open(encoding="utf-8", newline=""))
    assert (roles, row["location"]) == (["dev"], "Recife")


@pytest.mark.parametrize("country", ["br", "BRA", "brasil", "BRAZIL"])
def test_the_country_may_be_named_as_in_the_files(data_dir: Path, country: str) -> None:
    _, roles = build(data_dir, {"a.csv": "role,salary,country\ndev,1,BR\nops,2,US\n"}, country)
    assert roles == ["dev"]


def test_many_rows_stay_in_the_order_of_files_and_lines(data_dir: Path) -> None:
    raw = data_dir / "raw"
    raw.mkdir()
    # DuckDB reads a file in pieces of 32 MB, each by a thread of its own.
    place = "x" * 90
    for name, first in (("a.csv", 0), ("b.csv", 450_000)):
        lines = "".join(f"dev,remote,{place},{number}\n" for number in range(first, first + 450_000))
        (raw / name).write_text(f"role,work_model,city,salary\n{lines}dev,remote,{place},NaN\n")
    build_dataset(data_dir=data_dir, country="Brazil", encodings={})
    with (data_dir / "salaries.csv").open(encoding="utf-8") as handle:
        totals = [int(float(row["total_compensation"])) for row in csv.DictReader(handle)]
    assert totals == list(range(900_000))
    with (data_dir / "rejects.csv").open(encoding="utf-8") as handle:
        rejects = [(row["file"], row["line"]) for row in csv.DictReader(handle)]
    assert rejects == [("a.csv", "450002"), ("b.csv", "450002")]


@pytest.mark.parametrize(
    ("late", "found"),
    [
        ('"ops,never closed,5\n', {"a quote is never closed": 1}),
        ("ops,\0,5\n", {"NUL character": 1}),
        ("ops,x,5,more\n", {"more fields than the header": 1}),
        ('ops,"two\nlines",5\n', {}),
        ("\n\n", {}),
        ('ops,"Rio, RJ",5\n', {}),
        ('ops,"""",5\n', {}),
        ("ops,\u00a0z\u2003,5\n", {}),
    ],
)
def test_what_shows_late_in_a_file_changes_no_row_before_it(data_dir: Path, late: str, found: dict[str, int]) -> None:
    """The file is read the fast way first, then from its start once more: nothing of the first reading may stay."""
    rows = "".join(f"dev,place {number % 90_000},{number % 90_000}\nqa,,NaN\n" for number in range(100_000))
    files: dict[str, bytes | str] = {"a.csv": "role,city,salary\nsre,y,1\n", "b.csv": f"role,city,salary\n{rows}{late}"}
    report, roles = build(data_dir, files)
    assert report.reasons == {"not a finite number": 100_000} | found
    assert report.duplicates == 10_000
    assert roles[:2] == ["sre", "dev"]
    assert roles.count("dev") == 90_000
    with (data_dir / "salaries.csv").open(encoding="utf-8", newline="") as handle:
        places = {row["location"] for row in csv.DictReader(handle) if row["role"] == "ops"}
    assert places <= {"Rio, RJ", '"', "z", "two\nlines"}
    assert len((data_dir / "rejects.csv").read_text().splitlines()) == 1 + report.rejected
    assert hashlib.sha256((data_dir / "salaries.csv").read_bytes()).hexdigest() == report.checksum


@pytest.mark.parametrize("before", [999_993, 999_994, 1_500_000])
def test_a_line_that_is_too_long_to_be_read_is_one_reject_and_no_figure_of_it_is_cut(
    data_dir: Path, before: int
) -> None:
    text = f"notes,role,salary\n{'x' * before},dev,5000\nx,qa,4000\n,NaN,NaN\n"
    report, roles = build(data_dir, {"a.csv": text})
    assert roles == ["qa"]
    assert report.reasons["line too long"] == 1
    with (data_dir / "rejects.csv").open(encoding="utf-8") as handle:
        assert [row["line"] for row in csv.DictReader(handle)] == ["2", "4"]


def test_a_line_that_is_too_long_within_quotes_takes_no_other_row_along(data_dir: Path) -> None:
    text = 'notes,role,salary\n"begins\n' + "x" * 1_500_000 + '",dev,5000\nx,qa,4000\n"y",qa2,3000\n'
    report, roles = build(data_dir, {"a.csv": text})
    assert roles == ["qa", "qa2"]
    assert report.reasons == {"a quote is never closed": 1, "line too long": 1}


def test_rows_that_only_look_alike_stay(data_dir: Path) -> None:
    """Rows that share what they are first compared by, and differ in the rest of the key, are no duplicates."""
    header = "source,role,location,level,state,work_model,salary,currency,date"
    rows = [
        'web,dev,"Rio, RJ",junior,RJ,remoto,1,BRL,2024-01-01',
        'web,dev,"Rio, RJ",senior,RJ,remoto,1,BRL,2024-01-01',
        'web,dev,"Rio, RJ",junior,SP,remoto,1,BRL,2024-01-01',
        'web,dev,"Rio, RJ",junior,RJ,hibrido,1,BRL,2024-01-01',
        'web,dev,"Rio, RJ",junior,RJ,remoto,1,USD,never',
    ]
    report, _ = build(data_dir, {"a.csv": "\n".join([header, *rows, ""])})
    assert (report.rows_out, report.duplicates, report.unreadable_dates) == (4, 1, 0)
    text = (data_dir / "salaries.csv").read_text()
    assert "USD" not in text
    assert text.count('"Rio, RJ"') == 4


def _stripped(row: list[str]) -> list[str]:
    return [field.strip() for field in row]


def test_closed_quotes_are_read_as_pythons_reader_does_and_an_open_one_costs_its_own_row(tmp_path: Path) -> None:
    picks = random.Random(7)
    path = tmp_path / "a.csv"
    closed = 0
    for _ in range(1500):
        text = "".join(picks.choices(['"', '""', ",", "\n", "x", " "], k=picks.randint(1, 9)))
        path.write_text(f"role,b\n{text}\nlast,1\n")
        found = [record.split(SEPARATOR) for _, record in records(glance_at(path, name="a.csv", encoding="utf-8"))]
        assert found[-1] == ["", "last", "1"], text
        if not any(record[0] for record in found):
            closed += 1
            with path.open(newline="") as handle:
                wanted = [row for row in csv.reader(handle) if "".join(row).strip() or len(row) > 1][1:]
            kept = [record[1:] for record in found if len(record) > 2 or record[1].strip()]
            assert [_stripped(row) for row in kept] == [_stripped(row) for row in wanted], text
    assert closed > 500


@pytest.mark.parametrize(
    ("others", "figure", "kept"),
    [
        ((), "12.500", None),
        (("8000.50",), "12.500", "12.50"),
        (('"1,234,567"',), "12.500", "12.50"),
        (('"8.000,50"',), "12.500", "12500.00"),
        (('"8.000,50"', "8000.50"), "12.500", None),
        ((), '"12,500"', "12500.00"),
        (('"8000,5"',), '"12,500"', None),
        (('"8000,5"', "3.25"), '"12,500"', "12500.00"),
        ((), "0.500", "0.50"),
        ((), "1234.500", "1234.50"),
    ],
)
def test_a_figure_of_two_readings_is_decided_by_the_files_other_figures_or_rejected(
    data_dir: Path, others: tuple[str, ...], figure: str, kept: str | None
) -> None:
    rows = "".join(f"other,{other}\n" for other in others)
    report, _ = build(data_dir, {"a.csv": f"role,salary\n{rows}dev,{figure}\n"})
    with (data_dir / "salaries.csv").open(encoding="utf-8") as handle:
        found = [row["total_compensation"] for row in csv.DictReader(handle) if row["role"] == "dev"]
    assert found == ([kept] if kept else [])
    assert report.reasons.get(TWO_READINGS, 0) == (0 if kept else 1)


@pytest.mark.parametrize(
    ("column", "given", "kept"),
    [
        ("level", "Sênior", "senior"),
        ("level", "Júnior", "junior"),
        ("level", "mid_level", "pleno"),
        ("level", "NA", "pleno"),
        ("level", "senior\u200b", "senior"),
        ("work_model", "On-site", "presencial"),
        ("work_model", "Remote-First", "remoto"),
        ("work_model", "Híbrido", "hibrido"),
        ("country", "BRAZIL", "Brazil"),
        ("country", "None", "Brazil"),
        ("state", "NULL", "REMOTE"),
        ("city", "\\N", "Remoto"),
        ("source", "n/a", "unknown"),
        ("salary_min", "-", "5.00"),
        ("salary_min", "NA", "5.00"),
        ("date", "2024-03-01T10:00:00Z", "2024-03-01"),
        ("date", "2024-03-01 10:00", "2024-03-01"),
        ("date", "1/2/2024", "2024-02-01"),
        ("Nível", "sr", "senior"),
        ("\u200bUF", "sp", "SP"),
    ],
)
def test_another_spelling_is_no_other_value(data_dir: Path, column: str, given: str, kept: str) -> None:
    report, roles = build(data_dir, {"a.csv": f"role,salary,{column}\ndev\u200b,5,{given}\n"})
    assert roles == ["dev"]
    assert report.unreadable_dates == 0
    names = {
        "city": "location",
        "salary_min": "base_salary_min",
        "date": "observed_at",
        "Nível": "level",
        "\u200bUF": "state",
    }
    with (data_dir / "salaries.csv").open(encoding="utf-8") as handle:
        (row,) = csv.DictReader(handle)
    assert row[names.get(column, column)] == kept


def test_namibia_is_not_brazil(data_dir: Path) -> None:
    report, _ = build(data_dir, {"a.csv": "role,salary,country\ndev,5,NA\n"})
    assert report.other_country == 1


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nrole;salary\ndev;5\n",
        "Salaries of 2026\n\nrole,salary\ndev,5\n",
        "# made, by hand\n# twice\nrole\tsalary\ndev\t5\n",
    ],
)
def test_a_header_may_stand_below_a_separator_a_title_or_comments(data_dir: Path, text: str) -> None:
    report, roles = build(data_dir, {"a.csv": text})
    assert roles == ["dev"]
    assert report.rows_in == 1


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_text_of_two_bytes_a_character_needs_no_mark(data_dir: Path, codec: str) -> None:
    _, roles = build(data_dir, {"a.csv": "role,salary,city\nção,5,Recife\n".encode(codec)})
    assert roles == ["ção"]


def test_a_reject_names_the_column_that_was_looked_for_and_those_that_are_there(data_dir: Path) -> None:
    build(data_dir, {"a.csv": "title,salary\ndev,5\n", "b.csv": "role,pay\ndev,5\n"})
    with (data_dir / "rejects.csv").open(encoding="utf-8") as handle:
        assert [row["value"] for row in csv.DictReader(handle)] == [
            "no column role, job_title, cargo; there are: title, salary",
            "no column total_compensation, salary_total, total_salary, compensation; there are: role, pay",
        ]
