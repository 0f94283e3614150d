"""Figures out of counts and sums, pure and exact: whole cents in, JSON-ready numbers out.

Rounding is half up, to cents. All money is nonnegative, which the formulas rely on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

QUARTILES = ("p25", "median", "p75")


# Nothing is ranked with fewer rows, and nothing has percentiles with fewer.
RANKED_FROM = 5
PERCENTILES_FROM = 4


def money(cents: int) -> float:
    """Return cents as a number of units; its shortest text has at most two decimals."""
    return cents / 100


def average(total_cents: int, count: int) -> float:
    """Return the mean, rounded half up to cents."""
    return money((2 * total_cents + count) // (2 * count))


def from_quarter_cents(quarters: int) -> float:
    """Return a value counted in quarters of a cent, rounded half up to cents.

    A quartile of whole cents, interpolated linearly, always lies on such a quarter.
    """
    return money((quarters + 2) // 4)


def from_hundredths(hundredths: int) -> float:
    """Return a value counted in hundredths of a cent, rounded half up to cents."""
    return money((hundredths + 50) // 100)


# Not frozen: there are a hundred thousand of them and of `Ranked` in a release, and freezing takes most of making one.
@dataclass(slots=True)
class Bucket:
    """Sums over rows of one currency and source within one group. Money in cents."""

    kind: str
    value: str
    role: str
    currency: str
    source: str
    count: int
    base_low: int
    base_high: int
    base_min_sum: int
    base_max_sum: int
    total_low: int
    total_high: int
    total_sum: int


def currency_blocks(buckets: Iterable[Bucket]) -> list[dict[str, Any]]:
    """Return the `currencies` block of the buckets of one group, sorted by currency code."""
    by_currency: dict[str, list[Bucket]] = {}
    for bucket in buckets:
        by_currency.setdefault(bucket.currency, []).append(bucket)
    return [_currency_block(code, by_currency[code]) for code in sorted(by_currency)]


def _currency_block(code: str, buckets: list[Bucket]) -> dict[str, Any]:
    count = sum(bucket.count for bucket in buckets)
    return {
        "currency": code,
        "observations": count,
        "base_salary": {
            "min": money(min(bucket.base_low for bucket in buckets)),
            "max": money(max(bucket.base_high for bucket in buckets)),
            "average_min": average(sum(bucket.base_min_sum for bucket in buckets), count),
            "average_max": average(sum(bucket.base_max_sum for bucket in buckets), count),
        },
        "total_compensation": {
            "min": money(min(bucket.total_low for bucket in buckets)),
            "max": money(max(bucket.total_high for bucket in buckets)),
            "average": average(sum(bucket.total_sum for bucket in buckets), count),
        },
        "sources": [
            {
                "name": bucket.source,
                "observations": bucket.count,
                "average_total_compensation": average(bucket.total_sum, bucket.count),
            }
            for bucket in sorted(buckets, key=lambda bucket: bucket.source)
        ],
    }


@dataclass(frozen=True)
class Quartiles:
    """Quartiles of one role and currency, in quarters of a cent, and how many rows they cover."""

    role: str
    currency: str
    count: int
    quarters: tuple[int, int, int]

    def as_json(self) -> dict[str, float]:
        """Return the `percentiles` object."""
        return dict(zip(QUARTILES, map(from_quarter_cents, self.quarters), strict=True))


NO_PERCENTILES: dict[str, float | None] = dict.fromkeys(QUARTILES)


@dataclass(slots=True)
class Ranked:
    """Rows of one role and currency that share one value of one column."""

    kind: str
    role: str
    currency: str
    value: str
    count: int
    total_sum: int


def top(rows: Iterable[Ranked], *, limit: int = 5) -> list[Ranked]:
    """Return the rows with the highest exact average, highest first, ties by name."""
    return sorted(rows, key=_by_average)[:limit]


def _by_average(row: Ranked) -> tuple[int, float, str]:
    # NOTE: exact although it holds a float. Two fractions below 1 with denominators below 2**26 are equal or differ by
    # more than 2**-52, which a correctly rounded division tells apart; a Fraction would take 20 times as long.
    whole, rest = divmod(row.total_sum, row.count)
    return -whole, -rest / row.count, row.value


def main_currency(quartiles: Iterable[Quartiles]) -> str | None:
    """Return the currency with the most rows (ties: alphabetical), or None without rows."""
    return most_used({item.currency: item.count for item in quartiles})


def most_used(counts: dict[str, int]) -> str | None:
    """Return the currency that counts most (ties: alphabetical), or None without any."""
    return min(counts, key=lambda code: (-counts[code], code)) if counts else None
