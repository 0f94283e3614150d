"""Sources with a mapping: rows as other people keep them become rows of the dataset, or rejects that say why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from salaries.ingest.columns import CANONICAL, PAID
from salaries.ingest.engine import engine
from salaries.ingest.errors import IngestError
from salaries.ingest.figures import TWO_READINGS
from salaries.ingest.rows import prepare_rows

from tests.service.mapped import KAGGLE, LEVELS, STATE_OF_DATA, SURVEY, build, shown

BAND = "a range, no figure alone; its source needs 'band'"
BESIDE = "what stands beside its figure is not known"


def test_a_table_of_yearly_salaries_keeps_each_country_level_and_currency(data_dir: Path) -> None:
    report, rows, _ = build(data_dir, KAGGLE, {"preset": "kaggle-ds-salaries"})
    assert (report.rows_in, report.other_country, report.doubtful) == (4, 2, {})
    assert shown(rows, "source", "role", "level", "currency", "work_model", "total_compensation") == [
        ("mine", "data_analyst", "junior", "BRL", "hibrido", "8000.00"),
        ("mine", "head_of_data", "executivo", "BRL", "remoto", "25000.00"),
    ]
    assert shown(rows, *PAID) == [
        ("year", "BRL", "", "", "96000", "", ""),
        ("year", "BRL", "", "", "300000", "", ""),
    ]
    _, rows, _ = build(data_dir, KAGGLE, {"preset": "kaggle-ds-salaries"}, country="Germany")
    assert shown(rows, "role", "level", "country", "currency", "total_compensation") == [
        ("data_scientist", "pleno", "Germany", "EUR", "5000.00")
    ]


def test_a_developer_survey_takes_the_first_role_and_leaves_no_figure_behind(data_dir: Path) -> None:
    report, rows, _ = build(data_dir, SURVEY, {"preset": "stack-overflow-survey"})
    assert report.reasons == {"role is missing": 1}
    assert shown(rows, "role", "work_model", "currency", "total_compensation") == [
        ("developer,_back-end", "hibrido", "USD", "4000.00")
    ]


def test_bands_in_portuguese_become_a_least_and_a_most(data_dir: Path) -> None:
    _, rows, _ = build(data_dir, STATE_OF_DATA, {"preset": "state-of-data-brazil"})
    assert shown(rows, "role", "level", "state", "work_model", "base_salary_min", "base_salary_max", "currency") == [
        ("cientista_de_dados", "senior", "SP", "remoto", "12001.00", "16000.00", "BRL"),
        ("analista_de_bi", "junior", "MG", "presencial", "1000.00", "1000.00", "BRL"),
        ("engenheiro_de_dados", "pleno", "PE", "hibrido", "40001.00", "40001.00", "BRL"),
    ]


def test_a_levels_table_tells_the_country_by_the_place(data_dir: Path) -> None:
    report, rows, _ = build(data_dir, LEVELS, {"preset": "levels"})
    assert report.other_country == 1
    assert shown(rows, "location", "state", "country", "base_salary_min", "total_compensation", "observed_at") == [
        ("São Paulo", "SP", "Brazil", "4000.00", "5000.00", "")
    ]


def test_every_key_is_read(data_dir: Path) -> None:
    text = (
        "Pay report\nof 2026\n"
        "Título;Where;Faixa;Freq;Moeda;Kind\n"
        "Dev / QA;Recife;4.000,50 - 6.000;mensal;R$;full\n"
        "SRE;;12.000 a 24.000;anual;;full\n"
        "PM;Natal;100;por hora;;full\n"
        "Intern;Natal;10;mensal;;part\n"
        "CTO;Natal;10;semanal;;full\n"
    )
    keys = {
        "columns": {"role": "Título", "location": ["City", "Where"], "country": {"constant": "Brazil"}},
        "values": {"currency": {"R$": "BRL"}},
        "defaults": {"location": "Olinda", "currency": "BRL"},
        "period": {"column": "Freq"},
        "currency": {"column": "Moeda"},
        "decimal": ",",
        "band": "Faixa",
        "multiple": {"column": "role", "separator": "/", "take": "each"},
        "skip_rows": 2,
        "filter": {"Kind": ["FULL"]},
    }
    report, rows, rejects = build(data_dir, text, keys)
    assert report.files["a.csv"]["left_out"] == 1
    assert shown(rows, "role", "location", "currency", "base_salary_min", "base_salary_max") == [
        ("dev", "Recife", "BRL", "4000.50", "6000.00"),
        ("qa", "Recife", "BRL", "4000.50", "6000.00"),
        ("sre", "Olinda", "BRL", "1000.00", "2000.00"),
        ("pm", "Natal", "BRL", "17333.33", "17333.33"),
    ]
    assert shown(rejects, "line", "reason", "value") == [("8", "the period of its figures is not known", "semanal")]


@pytest.mark.parametrize(
    ("given", "decimal", "kept"),
    [
        ("R$ 12.500,00", ",", "12500.00"),
        ("R$\u00a012.500", ",", "12500.00"),
        ("12.500", ".", "12.50"),
        ("12.500", None, TWO_READINGS),
        ("12.500,00", None, "12500.00"),
        ("85k", None, "85000.00"),
        ("8,5 mil", ",", "8500.00"),
        ("1 200", None, "1200.00"),
        ("1'200.50", None, "1200.50"),
        ("R$ 9.000/mês", ",", "9000.00"),
        ("9.000 mensal", ",", "9000.00"),
        ("120k (per year)", None, "10000.00"),
        ("60,000 (gross)", None, "60000.00"),
        ("5000 (median)", None, "5000.00"),
        ("5000 (média)", None, "5000.00"),
        ("96,000 (gross, per year)", None, "8000.00"),
        ("Annual salary: 96,000", None, "8000.00"),
        ("900 (weekly)", None, BESIDE),
        ("400 (daily)", None, BESIDE),
        ("400 (diária)", None, BESIDE),
        ("2000 (quinzenal)", None, BESIDE),
        ("2000 (per shift)", None, BESIDE),
        ("Daily rate: 400", None, BESIDE),
        ("96,000 per year (monthly)", None, "figures of several periods"),
        ("12000 CLT", None, "not a number"),
        ("NET 5000", None, "not a number"),
        ("5000 CHF", None, "figures in another currency than the row's"),
        ("$5000 CAD", None, "figures in another currency than the row's"),
        ("EUR 5000 CHF", None, "its currency is not known"),
        ("8.25 p.m.", None, "8.25"),
        ("6 LPA", None, "50000.00"),
        ("900/week", None, "the period of its figures is not known"),
        ("5000 | 6000", None, "not a number"),
        ("5000 • 0.1%", None, "5000.00"),
        ("Offer: 3,06,000 p.a.", None, "25500.00"),
        ("0", None, "no salary figure"),
        ("-5", None, "negative figure"),
        ("much", None, "not a number"),
        ("USD 85k", None, "figures in another currency than the row's"),
        ("NaN", None, "no salary figure"),
        ("5000 6000", None, "not a number"),
        ("10 000 12 000", None, "not a number"),
        ("12 5 00", None, "not a number"),
        ("1 200,50", None, "1200.50"),
        ("1’200", None, "1200.00"),
        ("96'000.-", None, "96000.00"),
        ("5000 + bonus", None, "5000.00"),
        ("60,000 per annum, inc benefits", None, "5000.00"),
        ("5000, weekly", None, BESIDE),
        ("5000 (B2B)", None, "5000.00"),
        ("25 000 Kč", None, "figures in another currency than the row's"),
        ("Rs. 5000", None, "figures in another currency than the row's"),
        ("R$.5000", None, "not a number"),
        ("8.4 L", None, "840000.00"),
        ("1.2 crore", None, "12000000.00"),
        ("5000 L", None, "not a number"),
        ("4.000 - 6.000", ",", BAND),
        ("5000 or more", None, BAND),
    ],
)
def test_figures_are_read_as_people_write_them_or_rejected(
    data_dir: Path, given: str, decimal: str | None, kept: str
) -> None:
    keys = {"period": "month", "currency": "BRL"} | ({"decimal": decimal} if decimal else {})
    _, rows, rejects = build(data_dir, f'role,salary\ndev,"{given}"\n', keys)
    assert [row["total_compensation"] for row in rows] + [row["reason"] for row in rejects] == [kept]


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [
        ("50k–75k", "50000.00", "75000.00"),
        ("50-75k", "50000.00", "75000.00"),
        ("de 4.001 até 6.000", "4001.00", "6000.00"),
        ("acima de 40.001", "40001.00", "40001.00"),
        ("40000+", "40000.00", "40000.00"),
        ("até 2.000", "2000.00", "2000.00"),
        ("R$ 4.001 a R$ 6.000", "4001.00", "6000.00"),
        ("R$ 900 - R$ 1 mil", "900.00", "1000.00"),
        ("120k a 144k por ano", "10000.00", "12000.00"),
        ("5 LPA - 7 LPA", "41666.67", "58333.33"),
        ("96.000 p.a. - 120.000 p.a.", "8000.00", "10000.00"),
        ("4.000 ou mais", "4000.00", "4000.00"),
        ("4.000 or less", "4000.00", "4000.00"),
    ],
)
def test_bands(data_dir: Path, given: str, low: str, high: str) -> None:
    keys = {"period": "month", "currency": "BRL", "decimal": ",", "band": "band"}
    _, rows, rejects = build(data_dir, f'role,band\ndev,"{given}"\n', keys)
    assert rejects == []
    assert shown(rows, "base_salary_min", "base_salary_max") == [(low, high)]


def test_a_band_of_two_periods_is_none(data_dir: Path) -> None:
    keys = {"period": "month", "currency": "USD", "band": "band"}
    _, rows, rejects = build(data_dir, "role,band\ndev,$50/hr - $60000/yr\n", keys)
    assert (rows, shown(rejects, "reason")) == ([], [("figures of several periods",)])


def test_the_currency_that_stands_with_a_figure_is_the_rows(data_dir: Path) -> None:
    _, rows, _ = build(data_dir, "role,salary\ndev,US$ 1000\nops,€ 900\n", {"period": "month"})
    assert shown(rows, "currency", "total_compensation") == [("USD", "1000.00"), ("EUR", "900.00")]


@pytest.mark.parametrize(
    ("said", "currency"),
    [("Euros (€)", "EUR"), ("BRL\tBrazilian real", "BRL"), ("Canadian dollar (CAD)", "CAD"), ("SEK", "SEK"),
     ("Kč", "CZK"), ("AUD/NZD", None), ("money", None)],
)  # fmt: skip
def test_a_currency_is_a_code_or_a_known_name_or_the_row_is_rejected(
    data_dir: Path, said: str, currency: str | None
) -> None:
    _, rows, rejects = build(data_dir, f"role;salary;currency\ndev;1000;{said}\n", {"period": "month"})
    assert [row["currency"] for row in rows] == ([currency] if currency else [])
    assert [(row["reason"], row["value"]) for row in rejects] == (
        [] if currency else [("its currency is not known", said)]
    )


def test_a_reject_of_a_mapped_file_names_what_was_looked_for_and_what_is_there(data_dir: Path) -> None:
    keys = {"columns": {"role": ["Cargo", "Função"]}, "band": "Faixa", "period": "month"}
    _, _, rejects = build(data_dir, "id,funcao,level,pay\n1,dev,jr,5\n", keys)
    assert shown(rejects, "reason", "value") == [
        ("no salary figure", "no column faixa; there are: id, funcao, level, pay")
    ]


def test_a_file_says_its_mark_before_decimals_by_its_other_figures(data_dir: Path) -> None:
    _, rows, _ = build(data_dir, 'role,salary\ndev,12.500\nops,"9.000,50"\n', {"period": "month"})
    assert shown(rows, "total_compensation") == [("12500.00",), ("9000.50",)]


@pytest.mark.parametrize(("decimal", "kept"), [({}, []), ({"decimal": ","}, ["3.50"])])
def test_a_comma_before_three_digits_is_read_only_if_the_source_says_how(
    data_dir: Path, decimal: dict[str, str], kept: list[str]
) -> None:
    text = 'role,salary\ndev,"9.000,50"\nops,"3,500"\n'
    _, rows, rejects = build(data_dir, text, {"period": "month", **decimal})
    assert [row["total_compensation"] for row in rows] == ["9000.50", *kept]
    assert [row["reason"] for row in rejects] == ([] if kept else [TWO_READINGS])


def test_figures_as_they_were_stand_behind_the_others_only_where_a_mapping_made_others(data_dir: Path) -> None:
    build(data_dir, "role,salary\ndev,12000\n", {"period": "month"})
    assert (data_dir / "salaries.csv").read_text().splitlines()[0] == ",".join(CANONICAL)
    build(data_dir, "role,salary\ndev,12000\n", {"period": "year"})
    assert (data_dir / "salaries.csv").read_text().splitlines() == [
        ",".join(CANONICAL + PAID),
        "mine,dev,pleno,Remoto,REMOTE,Brazil,BRL,hibrido,1000.00,1000.00,1000.00,,year,,,,12000,,",
    ]
    with engine(data_dir) as db:
        assert prepare_rows(db, canonical=data_dir / "salaries.csv", live=None).row_count == 1


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"preset": "kagle"}, "there is no preset 'kagle'; known: kaggle-ds-salaries"),
        ({"columns": {"wage": "x"}}, "'columns' names 'wage', which is no column"),
        ({"columns": {"role": 5}}, "'columns.role' is a header"),
        ({"period": "week"}, "'period' is one of month, year, hour"),
        ({"period": {"column": "f", "values": {"w": "week"}}}, "'period.values' are month, year, hour, not 'week'"),
        ({"decimal": ";"}, "'decimal' is one of ',' '.', not ';'"),
        ({"multiple": "all"}, "'take' is one of 'first' 'each', not 'all'"),
        ({"skip_rows": -1}, "'skip_rows' is a whole number from 0"),
        ({"filter": ["x"]}, "'filter' is an object"),
        ({"rates": {"USD": {"2026-01-31": 5}}}, "'rates' holds 'to'"),
        ({"rates": {"to": "BRL", "USD": {"soon": 5}}}, "'rates' holds 'to'"),
        ({"rates": {"to": "BRL", "USD": {"2026-01-31": -1}}}, "'rates' holds 'to'"),
        ({"values": {"level": ["x"]}}, "'values.level' maps texts to texts"),
    ],
)
def test_a_wrong_key_is_named(data_dir: Path, keys: dict[str, Any], told: str) -> None:
    with pytest.raises(IngestError, match="Source 'mine': ") as caught:
        build(data_dir, "role,salary\ndev,1\n", keys)
    assert told in str(caught.value)


def test_what_was_assumed_for_all_rows_is_no_silent_success(data_dir: Path) -> None:
    report, _, _ = build(data_dir, "role,salary\ndev,1\nqa,x\nops,y\n", {})
    assert report.doubtful == {
        "a.csv": [
            "2 of its 3 rows are rejected",
            "country (Brazil), currency (BRL) and period (month) are assumed for all of its rows",
        ]
    }
    keys = {"period": "month", "currency": "BRL", "defaults": {"country": "Brazil"}}
    assert build(data_dir, "role,salary\ndev,1\n", keys)[0].doubtful == {}


def test_a_role_that_begins_as_a_formula_is_kept_as_text_and_told(data_dir: Path) -> None:
    report, rows, _ = build(data_dir, "role,salary\n=cmd|x,5\ndev,5\n", {"period": "month"})
    assert shown(rows, "role") == [("=cmd|x",), ("dev",)]
    assert report.formulas == {"=cmd|x": 1}


def test_currencies_are_converted_by_the_sources_own_rates_of_the_day_and_shown_as_such(data_dir: Path) -> None:
    text = (
        "role,salary,currency,date\n"
        "dev,12000,USD,2026-02-10\nops,12000,usd,1/3/2026\nqa,12000,USD,\nsre,12000,BRL,2026-02-10\n"
        "pm,12000,USD,2025-12-31\ncto,12000,EUR,2026-02-10\n"
    )
    rates = {"to": "BRL", "USD": {"2026-01-31": 5.25, "2026-03-01": "5.5", "2026-06-30": 6}}
    report, rows, rejects = build(data_dir, text, {"period": "year", "rates": rates})
    assert report.files["a.csv"]["figures"] == (
        "made those of a month (a year's / 12, an hour's × 2,080 / 12), and converted to BRL by its own rates"
    )
    columns = ("role", "currency", "total_compensation", "paid_currency", "paid_total", "paid_rate", "paid_rate_day")
    assert shown(rows, *columns) == [
        ("dev", "BRL", "5250.00", "USD", "12000", "5.25", "2026-01-31"),
        ("ops", "BRL", "5500.00", "USD", "12000", "5.5", "2026-03-01"),
        ("qa", "BRL", "6000.00", "USD", "12000", "6", "2026-06-30"),
        ("sre", "BRL", "1000.00", "BRL", "12000", "", ""),
    ]
    assert shown(rejects, "line", "reason", "value") == [
        ("6", "no rate for its currency and day", "USD 2025-12-31"),
        ("7", "no rate for its currency and day", "EUR 2026-02-10"),
    ]
