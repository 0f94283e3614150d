"""The table of prices, and files in its form."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from opsctl.cost.prices import Price, PriceTable, packaged, parse, write
from opsctl.errors import UsageError

HEAD = "item,region,unit,usd,grade,date,source\n"
ROW = "nat.hour,eu-west-1,hour,0.048,API,2026-11-01,AWS Price List API\n"


def test_every_row_says_what_it_is_of_when_and_from_where() -> None:
    rows = packaged().rows.values()
    assert len(rows) > 70
    assert {row.region for row in rows} == {"us-east-1", "sa-east-1"}
    assert all(row.usd > 0 and row.source and date(2020, 1, 1) <= date.fromisoformat(row.date) for row in rows)
    memory = [row for row in rows if row.source == "memory"]
    assert memory
    assert not any(row.verified for row in memory)
    derived = [row for row in rows if row.grade == "D"]
    assert derived
    assert not any(row.verified for row in derived)


def test_one_unit_has_one_name_in_all_regions() -> None:
    units: dict[str, set[str]] = {}
    for row in packaged().rows.values():
        units.setdefault(row.item, set()).add(row.unit)
    assert {item: found for item, found in units.items() if len(found) > 1} == {}


def test_a_table_is_read_as_it_was_written() -> None:
    assert parse(write(packaged()), "x") == packaged()
    tiny = PriceTable.of([Price("a", "eu-west-1", "GB", Decimal("0.0000006"), "API", "2026-11-01", "x, y")])
    assert parse(write(tiny), "x") == tiny


def test_a_newer_row_goes_before_the_packages_and_others_stay() -> None:
    both = packaged().updated(parse(HEAD + ROW.replace("eu-west-1", "us-east-1"), "x"))
    found = [both.price(item, "us-east-1") for item in ("nat.hour", "nat.gb", "nat")]
    assert [each and each.usd for each in found] == [Decimal("0.048"), Decimal("0.045"), None]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "first line"),
        ("a,b\n", 1, "first line"),
        (HEAD + ROW.replace("0.048", "dear"), 2, "usd is a number"),
        (HEAD + ROW.replace("0.048", "-1"), 2, "from 0 on"),
        (HEAD + ROW.replace("0.048", "NaN"), 2, "from 0 on"),
        (HEAD + ROW.replace("2026-11-01", "soon"), 2, "date one such as"),
        (HEAD + ROW.replace("API", "A+", 1), 2, "grade is one of"),
        (HEAD + ROW + "x,y\n", 3, "none empty"),
        (HEAD + ROW.replace("\n", ",more\n"), 2, "none empty"),
        (HEAD + ROW.replace("hour,0", ",0"), 2, "none empty"),
    ],
)
def test_a_file_in_another_form_is_refused_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "mine.csv")
    assert f"mine.csv, line {line}, " in caught.value.message
    assert why in caught.value.message
