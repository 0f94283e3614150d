"""How total compensation is spread: exact percentiles of a role's rows, in all and by what they have in common.

PostgreSQL gathers the amounts of each group by hashing and sorts each group alone: an ordered-set aggregate over the
grouping sets would sort all rows anew for each set. SQLite hands the rows over in order, as it has neither.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections

from salaries.selectors.releases import Release
from salaries.selectors.rows import Condition

# What rows are grouped by -> the expression of it. `""` is all rows of a role and currency.
KINDS = {
    "": "",
    "levels": "level",
    "states": "state",
    "locations": "location",
    "work_models": "work_model",
    "sources": "source",
    "quarters": "quarter",
    "years": "year",
}
BY_LEVEL = ("", "levels")
EVERY = tuple(KINDS)
# What every sample has one of.
_KEYS = ("role", "currency")
# Per cent. All of them tell where one's own pay stands; a group has a box.
_ALL_POINTS = tuple(range(101))
_BOX_POINTS = (10, 25, 50, 75, 90)
# A quarter as a number: four a year, the year's first divisible by four.
_QUARTER = {
    "postgresql": "(date_part('year', observed_at) * 4 + date_part('quarter', observed_at) - 1)::int",
    "sqlite": (
        "(CAST(strftime('%%Y', observed_at) AS INTEGER) * 4 "
        "+ (CAST(strftime('%%m', observed_at) AS INTEGER) + 2) / 3 - 1)"
    ),
}
_PICKED = """
SELECT role, currency, level, state, location, work_model, source, {quarter} AS quarter, total_cents
FROM salaries_salaryobservation WHERE {condition}
"""
# NOTE: the offset keeps the planner from working the quarter out again for each of the sets. Rows are grouped by a role
# and a currency where there are several: for each possible group of amounts the planner allows 8 kB, and where that is
# more memory than it may use it sorts the rows once a set, which takes twice as long.
_POSTGRES = """
SELECT kind, value, {role} AS role, {currency} AS currency, n, total, points FROM (
    SELECT CASE 0 {names} ELSE '' END AS kind, COALESCE({values}) AS value, {keys} array_agg(total_cents) AS amounts
    FROM (SELECT *, quarter / 4 AS year FROM ({picked} OFFSET 0) AS dated) AS picked GROUP BY GROUPING SETS ({sets})
) AS grouped CROSS JOIN LATERAL (
    SELECT COUNT(*) AS n, SUM(amount) AS total,
        percentile_cont(CASE kind WHEN '' THEN %s::float8[] ELSE %s::float8[] END)
        WITHIN GROUP (ORDER BY amount) AS points
    FROM (SELECT unnest(amounts) AS amount) AS each
) AS spread WHERE n > 0
"""
_CURRENCIES = """
SELECT role, currency, COUNT(*) FROM salaries_salaryobservation WHERE {condition} GROUP BY role, currency
"""
_BINS = """
SELECT asked.role, asked.currency, (total_cents - asked.low) / asked.step AS bin, COUNT(*)
FROM salaries_salaryobservation AS rows
JOIN ({asked}) AS asked ON rows.role = asked.role AND rows.currency = asked.currency
WHERE {condition} AND total_cents >= asked.low GROUP BY 1, 2, 3
"""
_Key = tuple[str, str]


@dataclass(frozen=True)
class Sample:
    """Rows that share a value: how many, their sum in cents, and amounts at percentages in hundredths of a cent."""

    count: int
    total_sum: int
    points: dict[int, int]


# By role and currency, then by kind, then by value.
Samples = dict[_Key, dict[str, dict[Any, Sample]]]


def samples_of(*, release: Release, condition: Condition, kinds: Sequence[str]) -> Samples:
    """Return the samples of the condition's rows, blank values and rows without a date left out of their kinds."""
    if condition.empty:
        return {}
    connection = connections[release.using]
    picked = _PICKED.format(condition=condition.sql, quarter=_QUARTER[connection.vendor])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            shares = [[point / 100 for point in points] for points in (_ALL_POINTS, _BOX_POINTS)]
            fixed = {key: only for key in _KEYS if (only := condition.only(key)) is not None}
            cursor.execute(_grouped(picked, kinds, fixed), [*fixed.values(), *condition.parameters, *shares])
            return _from_groups(cursor.fetchall())
        cursor.execute(f"{picked} ORDER BY total_cents", condition.parameters)
        return _from_rows(cursor, kinds)


def currency_counts(*, release: Release, condition: Condition) -> dict[str, dict[str, int]]:
    """Return how many of the condition's rows are in which currency, by stored role."""
    counts: dict[str, dict[str, int]] = {}
    if condition.empty:
        return counts
    with connections[release.using].cursor() as cursor:
        cursor.execute(_CURRENCIES.format(condition=condition.sql), condition.parameters)
        for role, currency, count in cursor.fetchall():
            counts.setdefault(role, {})[currency] = count
    return counts


@dataclass(frozen=True)
class Bins:
    """Equal steps of a histogram: where the first begins, how wide each is, how many there are; all in cents."""

    low: int
    step: int
    number: int


def bin_counts(*, release: Release, condition: Condition, bins: dict[_Key, Bins]) -> dict[_Key, dict[int, int]]:
    """Return how many rows lie in which step, by role and currency; below the first step no row is counted."""
    found: dict[_Key, dict[int, int]] = {}
    if not bins or condition.empty:
        return found
    columns = "%s AS role, %s AS currency, %s AS low, %s AS step"
    if connections[release.using].vendor == "postgresql":
        columns = "%s::text AS role, %s::text AS currency, %s::bigint AS low, %s::bigint AS step"
    asked = " UNION ALL ".join([f"SELECT {columns}"] * len(bins))
    parameters = [part for key, each in bins.items() for part in (*key, each.low, each.step)]
    sql = condition.sql_of("rows")
    with connections[release.using].cursor() as cursor:
        cursor.execute(_BINS.format(condition=sql, asked=asked), [*parameters, *condition.parameters])
        for role, currency, place, count in cursor.fetchall():
            found.setdefault((role, currency), {})[int(place)] = count
    return found


def _grouped(picked: str, kinds: Sequence[str], fixed: Container[str]) -> str:
    columns = [KINDS[kind] for kind in kinds if kind]
    keys = [key for key in _KEYS if key not in fixed]
    return _POSTGRES.format(
        **{key: "%s::text" if key in fixed else key for key in _KEYS},
        names=" ".join(f"WHEN GROUPING({KINDS[kind]}) THEN '{kind}'" for kind in kinds if kind) or "WHEN 1 THEN ''",
        values=", ".join(f"{column}::text" for column in columns) or "NULL",
        keys="".join(f"{key}, " for key in keys),
        picked=picked,
        sets=", ".join(f"({', '.join(group)})" for group in (keys, *([*keys, column] for column in columns))),
    )


def _from_groups(rows: Iterable[tuple[Any, ...]]) -> Samples:
    found: Samples = {}
    for kind, value, role, currency, count, total, amounts in rows:
        if kind and not value:
            continue
        points = _BOX_POINTS if kind else _ALL_POINTS
        # A double holds a hundredth of a cent to well below its half, up to the largest figure that a row can have.
        spread = {point: round(amount * 100) for point, amount in zip(points, amounts, strict=True)}
        sample = Sample(count, int(total), spread)
        found.setdefault((role, currency), {}).setdefault(kind, {})[_value(kind, value)] = sample
    return found


def _from_rows(rows: Iterable[tuple[Any, ...]], kinds: Sequence[str]) -> Samples:
    # A year is told by its quarter, the last of the columns that rows are grouped by.
    columns = [column for column in KINDS.values() if column and column != "year"]
    places = [(kind, columns.index("quarter" if kind == "years" else KINDS[kind]) + 2) for kind in kinds if kind]
    amounts: dict[_Key, dict[tuple[str, Any], list[int]]] = {}
    for row in rows:
        of_role = amounts.setdefault((row[0], row[1]), {})
        of_role.setdefault(("", ""), []).append(row[-1])
        for kind, place in places:
            if row[place] not in {"", None}:
                value = row[place] // 4 if kind == "years" else row[place]
                of_role.setdefault((kind, value), []).append(row[-1])
    found: Samples = {}
    for key, groups in amounts.items():
        for (kind, value), values in groups.items():
            points = _BOX_POINTS if kind else _ALL_POINTS
            spread = {point: _at(values, point) for point in points}
            found.setdefault(key, {}).setdefault(kind, {})[value] = Sample(len(values), sum(values), spread)
    return found


def _value(kind: str, value: Any) -> Any:
    return int(value) if kind in {"quarters", "years"} else value or ""


def _at(values: list[int], point: int) -> int:
    """Interpolate linearly between the closest ranks, as `percentile_cont` does."""
    place, rest = divmod(point * (len(values) - 1), 100)
    low = values[place]
    return 100 * low + (rest * (values[place + 1] - low) if rest else 0)
