"""`inspect_salary_file`: what is told of a file, and a proposal that reads it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from salaries.ingest.figures import unit_of
from salaries.ingest.inspection import _words, inspect_file, propose
from salaries.ingest.mapping_keys import ASKED, presets
from salaries.ingest.words import spelled, spellings

from tests.service.mapped import KAGGLE, LEVELS, STATE_OF_DATA, SURVEY

BANDS = (
    "Cargo Atual;Senioridade;Faixa Salarial;UF;Nota\n"
    "Dev;Sênior;de R$ 4.001/mês a R$ 6.000/mês;SP;x\n"
    "QA;Jr;Menos de R$ 1.000/mês;RJ;y\n"
)


def tell(path: Path, text: str, **options: Any) -> str:
    """Write the file, inspect it, and return what was printed."""
    path.write_text(text, encoding="utf-8")
    out = io.StringIO()
    call_command("inspect_salary_file", str(path), stdout=out, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("preset", "text"),
    [
        ("kaggle-ds-salaries", KAGGLE),
        ("stack-overflow-survey", SURVEY),
        ("state-of-data-brazil", STATE_OF_DATA),
        ("levels", LEVELS),
    ],
)
def test_a_file_that_a_preset_reads_gets_it_proposed(tmp_path: Path, preset: str, text: str) -> None:
    assert preset in presets()
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    found = inspect_file(path, folder=tmp_path, country="Brazil")
    assert found.proposed == {"preset": preset}
    assert found.with_proposed is not None
    assert found.with_proposed.kept > 0
    assert found.with_proposed.doubts == []


def test_it_tells_columns_defaults_rejects_and_a_proposal(tmp_path: Path) -> None:
    out = tell(tmp_path / "b.csv", BANDS)
    for line in (
        "b.csv: 2 rows, 5 columns",
        "  state <- uf",
        "  cargo atual, senioridade, faixa salarial, nota",
        "  rejected: 2 × role is missing",
        "  assumed: country = Brazil for 2 rows",
        "  warning: 2 of its 2 rows are rejected",
        "Rows: 2 kept + 0 of other countries + 0 rejected = 2",
    ):
        assert line in out.splitlines()
    assert "base_salary_min=4001.00  base_salary_max=6000.00" in out
    proposed = json.loads(out[out.index("{") : out.rindex("}") + 1])
    assert proposed["band"] == "faixa salarial"
    assert proposed["decimal"] == ","


def test_the_proposal_is_one_that_a_source_takes(tmp_path: Path) -> None:
    text = "Job Title,Annual Salary,Where,Country\nDev,60000 BRL,Recife,Brazil\n"
    found = inspect_file(_written(tmp_path, text), folder=tmp_path, country="Brazil")
    assert found.proposed is not None
    assert found.proposed["period"] == "year"
    again = inspect_file(tmp_path / "c.csv", folder=tmp_path, country="Brazil", keys=found.proposed)
    assert again.proposed is None
    assert again.outcome == found.with_proposed
    assert again.outcome.after[0]["total_compensation"] == "5000.00"


def test_what_nothing_in_the_file_says_is_asked_and_not_guessed(tmp_path: Path) -> None:
    out = tell(tmp_path / "a.csv", "Cargo;Salário\nDev;12.500\nQA;8.000\n")
    for asked in (
        'period, "month" or "year" or "hour"', 'currency, a code such as "USD"', 'decimal, "," or "."',
        'defaults.country, a name such as "Germany"',
    ):  # fmt: skip
        assert f"  to fill in, since nothing in the file says it: {asked}" in out.splitlines()
    assert "With it and period = month, currency = BRL, defaults.country = Brazil, decimal = ,:" in out.splitlines()
    assert "total_compensation=12500.00" in out
    out = tell(tmp_path / "a.csv", "Colour;Size\nRed;5\n")
    assert "  to fill in, since nothing in the file says it: columns.role, one of colour, size" in out.splitlines()
    assert "With it" not in out


def test_a_question_of_two_columns_of_periods_shows_what_to_paste(tmp_path: Path) -> None:
    text = "Title,Base Pay,Freq A,Freq B,Currency,Country\nDev,5000,Monthly,Yearly,BRL,Brazil\n"
    choices = '"month" or "year" or "hour" or {"column": "freq a"} or {"column": "freq b"}'
    assert f"nothing in the file says it: period, {choices}\n" in tell(tmp_path / "a.csv", text)
    found = inspect_file(tmp_path / "a.csv", folder=tmp_path, country="Brazil")
    keys = (found.proposed or {}) | {"period": {"column": "freq a"}}
    again = inspect_file(tmp_path / "a.csv", folder=tmp_path, country="Brazil", keys=keys)
    assert again.outcome.after[0]["total_compensation"] == "5000.00"


def _written(folder: Path, text: str) -> Path:
    (folder / "c.csv").write_text(text, encoding="utf-8")
    return folder / "c.csv"


def test_strict_fails_where_something_is_doubtful_and_wrong_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"a\.csv is doubtful: .*country"):
        tell(tmp_path / "a.csv", "role,salary\ndev,1\n", strict=True)
    keys = json.dumps({"period": "month", "currency": "BRL", "columns": {"country": {"constant": "Brazil"}}})
    assert "1 kept" in tell(tmp_path / "a.csv", "role,salary\ndev,1\n", strict=True, keys=keys)
    with pytest.raises(CommandError, match="there is no preset 'x'"):
        tell(tmp_path / "a.csv", "role,salary\n", keys='{"preset": "x"}')
    with pytest.raises(CommandError, match="no JSON object"):
        tell(tmp_path / "a.csv", "role,salary\n", keys="[]")


def test_rows_of_other_countries_are_shown_as_they_would_be_behind_those_that_are_kept(tmp_path: Path) -> None:
    text = "role,salary,country\ndev,1,Chile\nqa,2,Brazil\nqa,2,Brazil\nops,-3,Chile\n"
    shown = [line[:60] for line in tell(tmp_path / "a.csv", text).splitlines() if line.startswith("Row ")]
    kept = [line for line in shown if "of the file" not in line]
    assert [line.split(": ")[0] for line in kept[:3]] == [
        "Row 1 that is kept", "Row 2 that is kept", "Row 3 of another country",
    ]  # fmt: skip
    assert "role=dev" in kept[2]


def test_a_header_without_rows_is_no_silent_success(tmp_path: Path) -> None:
    assert "warning: it holds no row below its header" in tell(tmp_path / "a.csv", "role,salary\n")
    with pytest.raises(CommandError, match="holds no row below its header"):
        tell(tmp_path / "a.csv", "role,salary\n", strict=True)


def test_a_file_that_is_no_table_is_called_what_it_is(tmp_path: Path) -> None:
    out = tell(tmp_path / "a.csv", '{"error": "not found"}')
    assert "warning: it is JSON, not a CSV" in out
    assert "Proposed" not in out


def test_three_capitals_beside_figures_are_no_currency_unless_they_are_known() -> None:
    said = {text: propose(("role", "salary"), [{"role": "dev", "salary": text}]) for text in ("12000 CLT", "12000 CHF")}
    assert {text: keys.get("currency") for text, keys in said.items()} == {"12000 CLT": ASKED, "12000 CHF": None}


def test_a_header_is_known_as_a_question_too() -> None:
    header = ("Country of birth", "What country do you work in?", "Job title", "Salary")
    assert propose(header, [])["columns"]["country"] == "What country do you work in?"


def test_a_workbook_with_titles_is_proposed_from_its_header_and_so_is_one_of_which_the_lines_are_told(
    tmp_path: Path,
) -> None:
    text = "Payroll of a court\nJanuary\nNome;Cargo;Remuneração bruta\nFulana;Analista;R$ 4.500,00\n"
    out = tell(tmp_path / "a.csv", text)
    assert '"skip_rows": 2' in out
    assert '"role": "cargo"' in out
    assert "1 kept" in out
    assert '"role": "cargo"' in tell(tmp_path / "a.csv", text, keys='{"skip_rows": 2}')
    # A role alone is known as well.
    out = tell(tmp_path / "a.csv", text.replace("Remuneração bruta", "Rendimentos"))
    assert '"skip_rows": 2' in out
    assert "columns.total_compensation, one of nome, cargo, rendimentos\n" in out
    # What is proposed is not how the file is read as long as nobody says so.
    with pytest.raises(CommandError, match="names none of the known columns"):
        tell(tmp_path / "a.csv", text, strict=True)


def test_a_file_that_is_not_utf_8_is_proposed_with_the_encoding_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Cargo;Salário;UF\nTécnico;R$ 4.500,00;SP\n".encode("cp1252"))
    columns = {"role": "cargo", "total_compensation": "salario", "state": "uf"}
    keys = {"encoding": "windows-1252", "columns": columns, "defaults": {"country": "Brazil"}}
    found = inspect_file(path, folder=tmp_path, country="Brazil")
    assert found.outcome.kept == 0
    assert found.proposed == keys | {"period": ASKED}
    assert found.with_proposed
    assert found.with_proposed.after[0]["role"] == "técnico"
    told = inspect_file(
        path, folder=tmp_path, country="Brazil", keys=keys | {"columns": {"total_compensation": "salário"}}
    )
    assert told.outcome.kept == 1
    # One wrong byte among right ones says nothing of the others.
    path.write_bytes("Cargo;Salário;UF\nTécnico;R$ 4.500,00;SP\n".encode() + b"T\xe9cnica;R$ 4.000,00;SP\n")
    assert "encoding" not in (inspect_file(path, folder=tmp_path, country="Brazil").proposed or {})
    with pytest.raises(CommandError, match="declares the encoding 'utf-32'; known: utf-8"):
        call_command("inspect_salary_file", path, encoding="utf-32")


def test_every_spelling_stands_as_it_is_compared() -> None:
    words = ("role", "level", "work_model", "country", "currency", "period", "unit", "aside", "header")
    known = [each for column in words for reach in ("mapped", "within") for each in spellings(column, reach)]
    assert [each for each in known if spelled(each) != each] == []


def test_no_known_header_is_spelled_with_marks_that_are_taken_off_a_files_own() -> None:
    assert [each for each in spellings("header", "mapped") if _words(each) != each] == []


def test_what_looks_sure_and_is_not_is_asked() -> None:
    ask = {"currency": ASKED, "defaults": {"country": ASKED}}
    dollars = propose(("role", "salary"), [{"role": "dev", "salary": "$5,000"}])
    assert {key: dollars[key] for key in ask} == ask
    years = propose(("role", "experience", "salary"), [{"role": "dev", "experience": "3-5 yrs", "salary": "5"}])
    assert "level" not in years["columns"]
    dates = propose(("role", "salary", "date"), [{"date": "02/03/2026"}, {"date": "12/31/2025"}])
    assert dates["columns"]["observed_at"] == {"constant": ""}
    units = [{"role": "dev", "pay": "5", "unit": "Year", "other unit": "Hour"}]
    assert propose(("role", "pay", "unit", "other unit"), units)["period"] == ASKED
    pesos = [{"role": "dev", "salary": "$20,000"}, {"role": "qa", "salary": "$40,000 MXN"}]
    assert propose(("role", "salary"), pesos)["currency"] == ASKED
    born = propose(("role", "salary", "country of birth"), [{"role": "dev", "country of birth": "Spain"}])
    assert "country" not in born["columns"]
    hoped = propose(("role", "expected salary"), [{"role": "dev", "expected salary": "9000"}])
    assert hoped["columns"]["total_compensation"] == ASKED


def test_a_header_says_what_its_figures_count_and_other_words_in_it_do_not() -> None:
    told = {
        "base (in thousands)": 1000, "total pay ($k)": 1000, "salaire annuel brut (k€)": 1000, "gehalt in t€": 1000,
        "salary_k_usd": 1000, "base pay ($1000s)": 1000, "ctc (lpa)": 100_000, "年収(万円)": 10_000,
        "salary": 1, "401k": 1, "pay (miles)": 1, "sueldo en miles": 1000, "tsdb engineers' pay": 1, "salary bin": 1,
    }  # fmt: skip
    assert {header: unit_of(header) for header in told} == told


def test_a_column_of_periods_may_be_that_of_other_figures_and_is_asked_then() -> None:
    row = {"role": "dev", "annual salary": "41600", "pay rate": "20", "rate type": "Hourly"}
    assert propose(tuple(row), [row])["period"] == ASKED
    assert propose(tuple(row), [row | {"rate type": "Annual"}])["period"] == {"column": "rate type"}
    # Of figures that a person has yet to name nothing says the period.
    row = {"role": "dev", "amount": "20", "frequency": "Hourly"}
    assert propose(tuple(row), [row])["period"] == ASKED


def test_values_tell_of_a_column_what_its_header_does_not() -> None:
    rows = [
        {"role": "dev", "x": "Per Year", "pay": "5", "location": "Berlin, Germany"},
        {"role": "qa", "x": "Hourly", "pay": "6", "location": "Porto, Portugal"},
        {"role": "ops", "x": "Weekly", "pay": "7", "location": "Recife, Brazil"},
    ]
    found = propose(("role", "x", "pay", "location"), rows)
    assert found["period"] == {"column": "x"}
    assert found["columns"]["country"] == {"header": "location", "part": 2}
    assert propose(("role", "x", "pay"), [row | {"x": "EUR"} for row in rows])["columns"]["currency"] == "x"
    assert propose(("role", "x", "pay"), [row | {"x": "Spain"} for row in rows])["columns"]["country"] == "x"
    assert "country" not in propose(("role", "", "pay"), [row | {"": "Spain"} for row in rows])["columns"]
    # CA is a country by its code, and a state.
    rows = [row | {"location": "San Diego, CA"} for row in rows]
    assert propose(("role", "x", "pay", "location"), rows)["defaults"] == {"country": ASKED}
