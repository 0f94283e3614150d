"""Unit prices: list, on demand, in US dollars, before tax. Each row says where it is from, how good, and of when.

A price that is in no row is unknown; it is never taken from another region. Grades: A, AWS's own page; B, an answer of
the Price List API that somebody recorded; C, a page of somebody else; D, computed from another row; U, unverified, from
memory; API, asked by `opsctl cost --update`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from typing import Literal, get_args

from opsctl.errors import UsageError

Grade = Literal["A", "B", "C", "D", "U", "API"]
_COLUMNS = ("item", "region", "unit", "usd", "grade", "date", "source")


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for one `unit` of `item` in a region. `date` is the source's in ISO 8601, not the price's last change."""

    item: str
    region: str
    unit: str
    usd: Decimal
    grade: Grade
    date: str
    source: str

    @property
    def verified(self) -> bool:
        """Whether somebody's record of it was found."""
        return self.grade not in {"D", "U"}


@dataclass(frozen=True)
class PriceTable:
    """Prices by item and region."""

    rows: Mapping[tuple[str, str], Price]

    @classmethod
    def of(cls, prices: Iterable[Price]) -> PriceTable:
        """The table of these rows; the last of two for one thing counts."""
        return cls({(each.item, each.region): each for each in prices})

    def price(self, item: str, region: str) -> Price | None:
        """None: nobody knows."""
        return self.rows.get((item, region))

    def updated(self, newer: PriceTable) -> PriceTable:
        """With the rows of `newer` in place of its own."""
        return PriceTable({**self.rows, **newer.rows})


@cache
def packaged() -> PriceTable:
    """The table that comes with opsctl."""
    text = resources.files("opsctl.cost").joinpath("prices.csv").read_text(encoding="utf-8")
    return parse(text, "prices.csv")


def parse(text: str, name: str) -> PriceTable:
    """A table as `write` makes it. Raises UsageError that names `name` and the line."""
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise _unusable(name, 1, f"its first line is not {','.join(_COLUMNS)}")
    return PriceTable.of(_row(row, name, reader.line_num) for row in reader)


def write(table: PriceTable) -> str:
    """The table as CSV, sorted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for price in sorted(table.rows.values(), key=lambda each: (each.item, each.region)):
        writer.writerow(format(price.usd, "f") if name == "usd" else getattr(price, name) for name in _COLUMNS)
    return out.getvalue()


def _row(row: Mapping[str | None, str | None], name: str, line: int) -> Price:
    if set(row) != set(_COLUMNS) or any(not isinstance(value, str) or not value for value in row.values()):
        raise _unusable(name, line, f"a row has {len(_COLUMNS)} values, none empty")
    values = {each.name: str(row[each.name]) for each in fields(Price)}
    try:
        usd = Decimal(values["usd"])
        date.fromisoformat(values["date"])
    except (InvalidOperation, ValueError):
        raise _unusable(name, line, "usd is a number, and date one such as 2026-11-27") from None
    if not usd.is_finite() or usd < 0:
        raise _unusable(name, line, "usd is a number from 0 on")
    if values["grade"] not in get_args(Grade):
        raise _unusable(name, line, f"grade is one of {', '.join(get_args(Grade))}")
    return Price(**{**values, "usd": usd})  # type: ignore[arg-type]


def _unusable(name: str, line: int, why: str) -> UsageError:
    return UsageError(
        f"{name}, line {line}, is no row of prices: {why}.",
        code="bad-prices",
        hint="`opsctl cost --update` writes the file anew; without it the prices of opsctl count.",
    )
