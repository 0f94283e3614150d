"""The `/api/salaries/insights/` answer: quartiles of total compensation and the best paying states, places and sources.

Quartiles come from `percentile_cont` where the database has it. It works in double precision, which holds a quarter of
a cent exactly up to the largest figure a row can have, so both databases give the same quartiles to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connections

from salaries.selectors.releases import Release
from salaries.selectors.rows import Condition
from salaries.selectors.summary import filters_echo
from salaries.stats import NO_PERCENTILES, Bucket, Quartiles, Ranked, average, main_currency, top

_TOPS = (
    ("top_states", "state"),
    ("top_locations", "location"),
    ("top_work_models", "work_model"),
    ("top_sources", "source"),
)
# Buckets of a summary, by what they are grouped by besides currency and source -> the ranking they add up to.
_RANKED_KINDS = {"": "top_sources", "states": "top_states", "work_models": "top_work_models"}
_POSTGRES_QUARTILES = """
SELECT role, currency, COUNT(*), percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY total_cents)
FROM salaries_salaryobservation WHERE {condition} GROUP BY role, currency
"""
_RANKED_QUARTILES = """
SELECT role, currency, n, place, total_cents FROM (
    SELECT role, currency, total_cents, COUNT(*) OVER (PARTITION BY role, currency) AS n,
        ROW_NUMBER() OVER (PARTITION BY role, currency ORDER BY total_cents) - 1 AS place
    FROM salaries_salaryobservation WHERE {condition}
) AS ranked
WHERE place IN ((n - 1) / 4, (n - 1) / 4 + 1, (n - 1) / 2, (n - 1) / 2 + 1, 3 * (n - 1) / 4, 3 * (n - 1) / 4 + 1)
"""
# One pass over the rows for all four rankings; a column is NULL in the groups of the others, which have their own kind.
_POSTGRES_RANKED = """
SELECT CASE 0 WHEN GROUPING(state) THEN 'top_states' WHEN GROUPING(location) THEN 'top_locations'
    WHEN GROUPING(work_model) THEN 'top_work_models' ELSE 'top_sources' END AS kind,
    role, currency, COALESCE(state, location, work_model, source) AS value, COUNT(*), SUM(total_cents)
FROM salaries_salaryobservation WHERE {condition}
GROUP BY GROUPING SETS (
    (role, currency, state), (role, currency, location), (role, currency, work_model), (role, currency, source)
)
"""
_LOCATIONS = """
SELECT 'top_locations', role, currency, location, COUNT(*), SUM(total_cents)
FROM salaries_salaryobservation WHERE {condition} AND location <> '' GROUP BY role, currency, location
"""
_TOP_QUERY = """SELECT '{kind}' AS kind, role, currency, {column}, COUNT(*), SUM(total_cents) FROM picked
GROUP BY role, currency, {column}"""


def quartiles_by_role(*, release: Release, condition: Condition) -> dict[str, list[Quartiles]]:
    """Return each role's quartiles by currency."""
    if condition.empty:
        return {}
    connection = connections[release.using]
    postgres = connection.vendor == "postgresql"
    query = _POSTGRES_QUARTILES if postgres else _RANKED_QUARTILES
    with connection.cursor() as cursor:
        cursor.execute(query.format(condition=condition.sql), condition.parameters)
        rows = cursor.fetchall()
    found = _from_percentile_cont(rows) if postgres else _from_ranks(rows)
    by_role: dict[str, list[Quartiles]] = {}
    for item in found:
        by_role.setdefault(item.role, []).append(item)
    return by_role


def _from_percentile_cont(rows: list[tuple[Any, ...]]) -> list[Quartiles]:
    return [
        Quartiles(role, currency, count, (round(low * 4), round(middle * 4), round(high * 4)))
        for role, currency, count, (low, middle, high) in rows
    ]


def _from_ranks(rows: list[tuple[Any, ...]]) -> list[Quartiles]:
    places: dict[tuple[str, str, int], dict[int, int]] = {}
    for role, currency, count, place, cents in rows:
        places.setdefault((role, currency, count), {})[place] = cents
    return [
        Quartiles(role, currency, count, (_at(cents, count, 1), _at(cents, count, 2), _at(cents, count, 3)))
        for (role, currency, count), cents in places.items()
    ]


def _at(cents: dict[int, int], count: int, quarter: int) -> int:
    place, rest = divmod(quarter * (count - 1), 4)
    low = cents[place]
    return 4 * low + (rest * (cents[place + 1] - low) if rest else 0)


def ranked_by_role(*, release: Release, condition: Condition) -> dict[str, list[Ranked]]:
    """Return each role's counts and sums by state, location, work model and source, blank values left out."""
    if condition.empty:
        return {}
    postgres = connections[release.using].vendor == "postgresql"
    query = _POSTGRES_RANKED.format(condition=condition.sql) if postgres else _union_of_rankings(condition)
    return _ranked(release, query, condition)


def locations_by_role(*, release: Release, condition: Condition) -> dict[str, list[Ranked]]:
    """Return each role's counts and sums by location: what `rankings` can't tell from the buckets of a summary."""
    return _ranked(release, _LOCATIONS.format(condition=condition.sql), condition)


def rankings(buckets: Iterable[Bucket]) -> list[Ranked]:
    """Return the counts and sums by state, work model and source that the buckets of a role's summary hold."""
    sums: dict[tuple[str, str, str, str], tuple[int, int]] = {}
    for bucket in buckets:
        kind = _RANKED_KINDS.get(bucket.kind)
        value = bucket.value if bucket.kind else bucket.source
        if kind and value:
            key = (kind, bucket.role, bucket.currency, value)
            count, total = sums.get(key, (0, 0))
            sums[key] = (count + bucket.count, total + bucket.total_sum)
    return [Ranked(*key, *figures) for key, figures in sums.items()]


def _ranked(release: Release, query: str, condition: Condition) -> dict[str, list[Ranked]]:
    by_role: dict[str, list[Ranked]] = {}
    with connections[release.using].cursor() as cursor:
        cursor.execute(query, condition.parameters)
        for kind, role, currency, value, count, total in cursor.fetchall():
            if value == "":
                continue
            by_role.setdefault(role, []).append(Ranked(kind, role, currency, value, count, int(total)))
    return by_role


def _union_of_rankings(condition: Condition) -> str:
    picked = (
        "WITH picked AS (SELECT role, currency, state, location, work_model, source, total_cents "  # noqa: S608
        f"FROM salaries_salaryobservation WHERE {condition.sql}) "
    )
    return picked + " UNION ALL ".join(_TOP_QUERY.format(kind=kind, column=column) for kind, column in _TOPS)


def insights_payload(
    *, role: str, filters: dict[str, str | None], quartiles: Iterable[Quartiles], ranked: Iterable[Ranked]
) -> dict[str, Any]:
    """Return the answer for one role; with several currencies its figures cover the one with the most rows."""
    by_currency = {item.currency: item for item in sorted(quartiles, key=lambda item: item.currency)}
    chosen = main_currency(by_currency.values())
    rows = [row for row in ranked if row.currency == chosen]
    payload: dict[str, Any] = {
        "role": role,
        "filters": filters_echo(role=role, filters=filters),
        "total_observations": sum(item.count for item in by_currency.values()),
        "currency": chosen,
        "percentiles": NO_PERCENTILES if chosen is None else by_currency[chosen].as_json(),
        "currencies": [
            {"currency": code, "observations": item.count, "percentiles": item.as_json()}
            for code, item in by_currency.items()
        ],
    }
    for kind, column in _TOPS:
        payload[kind] = [
            {
                column: row.value,
                "observations": row.count,
                "average_total_compensation": average(row.total_sum, row.count),
            }
            for row in top(row for row in rows if row.kind == kind)
        ]
    return payload
