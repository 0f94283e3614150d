"""`build_salary_dataset`: values, rejects, duplicates, files, encodings, and the account of rows."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from salaries.ingest.build import BuildReport, build_dataset
from salaries.ingest.columns import CANONICAL
from salaries.ingest.errors import IngestError
from salaries.ingest.figures import TWO_READINGS


def build(
    data_dir: Path, *, country: str = "Brazil", encodings: dict[str, str] | None = None
) -> tuple[BuildReport, list[dict[str, str]], list[dict[str, str]]]:
    """Build, and return the report, the canonical rows and the rejects."""
    report = build_dataset(data_dir=data_dir, country=country, encodings=encodings or {})
    assert report.holds()
    with (data_dir / "salaries.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    with (data_dir / "rejects.csv").open(encoding="utf-8", newline="") as handle:
        rejects = list(csv.DictReader(handle))
    assert len(rows) == report.rows_out
    assert len(rejects) == report.rejected
    return report, rows, rejects


def put(data_dir: Path, text: str | bytes, name: str = "a.csv") -> Path:
    """Write a raw file."""
    path = data_dir / "raw" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def one(data_dir: Path, header: str, row: str) -> dict[str, str]:
    """Build a file of one row and return its canonical form."""
    put(data_dir, f"{header}\n{row}\n")
    _, rows, rejects = build(data_dir)
    assert rejects == []
    return rows[0]


def reason(data_dir: Path, header: str, row: str) -> str:
    """Build a file whose one row is rejected and return why."""
    put(data_dir, f"{header}\n{row}\n")
    _, rows, rejects = build(data_dir)
    assert rows == []
    assert (rejects[0]["file"], rejects[0]["line"]) == ("a.csv", "2")
    return rejects[0]["reason"]


def test_it_writes_the_canonical_columns_in_order(data_dir: Path) -> None:
    put(data_dir, "role,salary\ndev,10\n")
    build(data_dir)
    assert (data_dir / "salaries.csv").read_text().splitlines() == [
        ",".join(CANONICAL),
        "unknown,dev,pleno,Remoto,REMOTE,Brazil,BRL,hibrido,10.00,10.00,10.00,",
    ]


def test_header_names_match_whatever_their_case_and_blanks_and_the_first_non_blank_alias_wins(data_dir: Path) -> None:
    row = one(data_dir, " Cargo ,ROLE,Provider,Origem,UF,salary,data", "b,a,p,,sp,1,31/12/2025")
    assert (row["role"], row["source"], row["state"], row["observed_at"]) == ("a", "p", "SP", "2025-12-31")
    row = one(data_dir, "cargo,role,salary", "b, ,1")
    assert row["role"] == "b"


@pytest.mark.parametrize(
    ("column", "given", "kept"),
    [
        ("role", " Data  Engineer ", "data_engineer"),
        ("role", "ÉLITE Dev", "élite_dev"),
        ("level", "JR.", "junior"),
        ("level", "Mid-Level", "pleno"),
        ("level", "SR", "senior"),
        ("level", "Especialista", "especialista"),
        ("level", " ", "pleno"),
        ("state", "são paulo", "SÃO PAULO"),
        ("country", "bra", "Brazil"),
        ("country", "BRASIL", "Brazil"),
        ("currency", "usd", "USD"),
        ("location", "  São Paulo ", "São Paulo"),
        ("source", "Fonte X", "Fonte X"),
        ("source", "=cmd", "=cmd"),
        ("work_model", "100% Remote", "remoto"),
        ("work_model", "O", "presencial"),
        ("work_model", "nonsense", "hibrido"),
        ("remote_type", "In-Person", "presencial"),
    ],
)
def test_values_are_normalised(data_dir: Path, column: str, given: str, kept: str) -> None:
    header = f"role,salary,{column}" if column != "role" else "role,salary"
    values = f"dev,1,{given}" if column != "role" else f"{given},1"
    row = one(data_dir, header, values)
    assert row["work_model" if column == "remote_type" else column] == kept


@pytest.mark.parametrize(
    ("ratio", "work_model", "kept"),
    [
        ("80", "office", "remoto"),
        ("100", "", "remoto"),
        ("20", "remote", "presencial"),
        ("0", "", "presencial"),
        ("50", "remote", "hibrido"),
        ("", "remote", "remoto"),
        ("some", "remote", "remoto"),
    ],
)
def test_the_remote_ratio_decides_the_work_model(data_dir: Path, ratio: str, work_model: str, kept: str) -> None:
    assert one(data_dir, "role,salary,remote_ratio,work_model", f"dev,1,{ratio},{work_model}")["work_model"] == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1000", "1000.00"),
        ('"1,234,567.8"', "1234567.80"),
        ("1.5E+5", "150000.00"),
        ("15e-1", "1.50"),
        (".5", "0.50"),
        ("7.", "7.00"),
        ("+3", "3.00"),
        ("0012.3400", "12.34"),
        ("9999999999.99", "9999999999.99"),
        ("0", "0.00"),
    ],
)
def test_amounts_become_plain_decimals(data_dir: Path, given: str, kept: str) -> None:
    assert one(data_dir, "role,salary", f"dev,{given}")["total_compensation"] == kept


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("NaN", "not a finite number"),
        ("-inf", "not a finite number"),
        ("Infinity", "not a finite number"),
        ("-1", "negative figure"),
        ('"-1,000"', "negative figure"),
        ('"1.234,56"', "decimal comma"),
        ('"1234,5"', "decimal comma"),
        ('"12,34"', "decimal comma"),
        ("1.2345", "more digits than the column holds"),
        ("1.234", TWO_READINGS),
        ("10000000000", "more digits than the column holds"),
        ("1e400", "more digits than the column holds"),
        ("1e-20", "more digits than the column holds"),
        ("9" * 60, "more digits than the column holds"),
        ("R$ 10", "not a number"),
        ("0x10", "not a number"),
        ("1_000", "not a number"),
        ("", "no salary figure"),
    ],
)
def test_figures_that_can_not_be_kept_are_rejected_with_the_reason(data_dir: Path, given: str, why: str) -> None:
    assert reason(data_dir, "role,salary", f"dev,{given}") == why


@pytest.mark.parametrize(
    ("low", "high", "total", "kept"),
    [
        ("1", "3", "", ("1.00", "3.00", "3.00")),
        ("1", "", "", ("1.00", "1.00", "1.00")),
        ("", "3", "", ("3.00", "3.00", "3.00")),
        ("", "", "5", ("5.00", "5.00", "5.00")),
        ("", "3", "5", ("3.00", "3.00", "5.00")),
        ("1", "", "5", ("1.00", "1.00", "5.00")),
    ],
)
def test_missing_figures_are_taken_from_the_others(
    data_dir: Path, low: str, high: str, total: str, kept: tuple[str, str, str]
) -> None:
    row = one(data_dir, "role,salary_min,salary_max,total_salary", f"dev,{low},{high},{total}")
    assert (row["base_salary_min"], row["base_salary_max"], row["total_compensation"]) == kept


def test_rows_that_break_other_rules_are_rejected(data_dir: Path) -> None:
    assert reason(data_dir, "role,salary_min,salary_max", "dev,3,1") == "minimum above maximum"
    assert reason(data_dir, "role,salary", " ,3") == "role is missing"
    assert reason(data_dir, "title,salary", "dev,3") == "role is missing"
    assert reason(data_dir, "role,salary,city", f"dev,3,{'x' * 101}") == "text too long"
    assert reason(data_dir, "role,salary", "d\0v,3") == "NUL character"
    assert reason(data_dir, "role,salary", "dev,3,9,extra") == "more fields than the header"


def test_fields_behind_the_header_that_show_nothing_are_none(data_dir: Path) -> None:
    assert one(data_dir, "role,salary", "dev,3, ,\u00a0\u200b \ufeff,")["base_salary_min"] == "3.00"


def test_fields_keep_their_places_whatever_blanks_stand_around_them(data_dir: Path) -> None:
    row = one(data_dir, "role,city,uf,level,salary", "\u2003São\u00a0Dev ,\u3000, \u200b,,\u00a0 3\u202f")
    found = {name: row[name] for name in ("role", "location", "state", "level", "base_salary_min")}
    assert found == {
        "role": "são_dev", "location": "Remoto", "state": "REMOTE", "level": "pleno", "base_salary_min": "3.00",
    }  # fmt: skip


def test_the_first_of_equal_rows_is_kept_in_the_order_of_paths(data_dir: Path) -> None:
    put(data_dir, "role,salary,country\ndev,1,BR\ndev,1.00,Brazil\n", "b/late.csv")
    put(data_dir, "role,salary,currency\ndev,1,USD\nsre,2,BRL\n", "a.csv")
    report, rows, _ = build(data_dir)
    assert [(row["role"], row["currency"]) for row in rows] == [("dev", "USD"), ("sre", "BRL")]
    assert (report.rows_in, report.duplicates) == (4, 2)


def test_rows_of_other_countries_are_left_out_and_counted(data_dir: Path) -> None:
    put(data_dir, "role,salary,country\ndev,1,BR\nsre,2,Portugal\nqa,3,portugal\n")
    report, rows, _ = build(data_dir, country="PORTUGAL")
    assert ([row["role"] for row in rows], report.other_country) == (["sre", "qa"], 1)


def test_every_kind_of_file_under_raw_is_read_subfolders_included(data_dir: Path) -> None:
    put(data_dir, "role,salary\na,1\n", "top.csv")
    put(data_dir, gzip.compress(b"role,salary\nb,1\n"), "deep/er/packed.csv.gz")
    put(data_dir, "role;salary\r\nc;1\r\n", "deep/semicolon.csv")
    put(data_dir, "\ufeffrole,salary\nd,1", "bom.csv")
    put(data_dir, "role,salary\ne,1\n".encode("utf-16"), "wide.csv")
    put(data_dir, "role,salary\nf,1\n", "notes.txt")
    put(data_dir, "role,salary\ng,1\n", ".hidden.csv")
    put(data_dir, "", "empty.csv")
    put(data_dir, "role,salary\n", "header_only.csv")
    report, rows, _ = build(data_dir)
    assert sorted(row["role"] for row in rows) == ["a", "b", "c", "d", "e"]
    assert report.files["empty.csv"]["rows"] == report.files["header_only.csv"]["rows"] == 0


def test_a_declared_encoding_is_read_and_an_undeclared_one_is_rejected_row_by_row(data_dir: Path) -> None:
    text = "role,salary,city\ndev,1,São Paulo\nsre,2,Recife\n".encode("cp1252")
    put(data_dir, text, "declared.csv")
    _, rows, _ = build(data_dir, encodings={"declared.csv": "cp1252"})
    assert [row["location"] for row in rows] == ["São Paulo", "Recife"]
    report, rows, rejects = build(data_dir)
    assert [row["location"] for row in rows] == ["Recife"]
    assert rejects[0] == {
        "file": "declared.csv",
        "line": "2",
        "reason": "not valid in the file's encoding",
        "value": "",
    }
    assert report.reasons == {"not valid in the file's encoding": 1}


def test_quotes_blank_lines_and_short_rows_cost_no_row(data_dir: Path) -> None:
    put(
        data_dir,
        "role,salary,city,source\n"
        'one,"1,000",São Paulo,"say ""hi"""\n'
        "\n"
        'two,2,"Belo\nHorizonte",x\n'
        "three,3\n"
        'four,4,5" pipe,x\n'
        'five,5,"never closed,x\n'
        "six,6,Recife,x\n",
    )
    report, rows, rejects = build(data_dir)
    assert [row["role"] for row in rows] == ["one", "two", "three", "four", "six"]
    assert rows[0]["source"] == 'say "hi"'
    assert rows[3]["location"] == '5" pipe'
    assert {entry["line"]: entry["reason"] for entry in rejects} == {"8": "a quote is never closed"}
    assert report.rows_in == 6


def test_line_numbers_of_rejects_are_those_of_an_editor(data_dir: Path) -> None:
    put(data_dir, "role,salary\n" + "ok,1\n" * 3 + "bad,x\n" + "ok,2\n", "plain.csv")
    put(data_dir, 'role,salary\n\n"o\nk",1\nbad,x\n', "careful.csv")
    _, _, rejects = build(data_dir)
    assert {(entry["file"], entry["line"], entry["value"]) for entry in rejects} == {
        ("plain.csv", "5", "x"),
        ("careful.csv", "5", "x"),
    }


def test_values_in_the_list_of_rejects_are_no_formulas(data_dir: Path) -> None:
    put(data_dir, "role,salary\ndev,=1+1\ndev,@x\n")
    _, _, rejects = build(data_dir)
    assert [entry["value"] for entry in rejects] == ["'=1+1", "'@x"]


def test_the_same_input_gives_the_same_bytes(data_dir: Path, tmp_path: Path) -> None:
    text = "role,salary,source\n" + "".join(f"r{n % 7},{n % 50},s{n % 3}\n" for n in range(5000))
    put(data_dir, text)
    other = tmp_path / "other"
    put(other, text)
    build(data_dir)
    first = (data_dir / "salaries.csv").read_bytes()
    build(data_dir)
    build(other)
    assert (data_dir / "salaries.csv").read_bytes() == first == (other / "salaries.csv").read_bytes()


def test_a_failed_build_leaves_the_canonical_file_and_no_scratch(data_dir: Path) -> None:
    put(data_dir, "role,salary\na,1\n")
    build(data_dir)
    before = (data_dir / "salaries.csv").read_bytes()
    put(data_dir, gzip.compress(b"role,salary\nb,1\n" * 100)[:-20], "broken.csv.gz")
    with pytest.raises(IngestError, match=r"broken\.csv\.gz can't be unpacked"):
        build(data_dir)
    assert (data_dir / "salaries.csv").read_bytes() == before
    assert not (data_dir / "tmp").exists()


def test_it_says_that_there_is_nothing_to_build(data_dir: Path) -> None:
    with pytest.raises(IngestError, match="There is no CSV"):
        build(data_dir)


def test_an_unreadable_date_is_left_blank_and_counted(data_dir: Path) -> None:
    put(data_dir, "role,salary,date\na,1,2025-02-30\nb,1,soon\nc,1,2025-01-31\nd,1,\n")
    report, rows, _ = build(data_dir)
    assert [row["observed_at"] for row in rows] == ["", "", "2025-01-31", ""]
    assert report.unreadable_dates == 2
