"""The `/api/salaries/` answer: counts, ranges and averages by currency, in all and by level, state and work model.

One statement for every role of a condition: the live answer and the stored aggregate come out of the same code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connections

from salaries.selectors.releases import Release
from salaries.selectors.rows import FILTERS, Condition
from salaries.stats import Bucket, currency_blocks

_GROUPS = (("levels", "level"), ("states", "state"), ("work_models", "work_model"))
_SUMS = (
    "COUNT(*), MIN(base_min_cents), MAX(base_max_cents), SUM(base_min_cents), SUM(base_max_cents), MIN(total_cents), "
    "MAX(total_cents), SUM(total_cents)"
)
# One pass over the rows; a column is NULL in the groups of the others, which have their own kind.
_POSTGRES_QUERY = """
SELECT CASE 0 WHEN GROUPING(level) THEN 'levels' WHEN GROUPING(state) THEN 'states'
    WHEN GROUPING(work_model) THEN 'work_models' ELSE '' END AS kind,
    COALESCE(level, state, work_model, '') AS value, role, currency, source, {sums}
FROM salaries_salaryobservation WHERE {condition}
GROUP BY GROUPING SETS (
    (role, currency, source), (role, currency, source, level), (role, currency, source, state),
    (role, currency, source, work_model)
)
"""
# SQLite has no grouping sets; a first grouping by all columns makes the four others cheap.
_QUERY = """
WITH cube AS (
    SELECT role, currency, source, level, state, work_model, COUNT(*) AS n,
        MIN(base_min_cents) AS base_low, MAX(base_max_cents) AS base_high,
        SUM(base_min_cents) AS base_min_sum, SUM(base_max_cents) AS base_max_sum,
        MIN(total_cents) AS total_low, MAX(total_cents) AS total_high, SUM(total_cents) AS total_sum
    FROM salaries_salaryobservation WHERE {condition}
    GROUP BY role, currency, source, level, state, work_model
)
SELECT '' AS kind, '' AS value, role, currency, source, {sums} FROM cube GROUP BY role, currency, source
"""
_GROUP_QUERY = """UNION ALL
SELECT '{kind}', {column}, role, currency, source, {sums} FROM cube GROUP BY {column}, role, currency, source
"""
_CUBE_SUMS = (
    "SUM(n), MIN(base_low), MAX(base_high), SUM(base_min_sum), SUM(base_max_sum), MIN(total_low), MAX(total_high), "
    "SUM(total_sum)"
)


def summary_buckets(*, release: Release, condition: Condition) -> dict[str, list[Bucket]]:
    """Return the sums of the condition's rows by stored role."""
    if condition.empty:
        return {}
    if connections[release.using].vendor == "postgresql":
        query = _POSTGRES_QUERY.format(condition=condition.sql, sums=_SUMS)
    else:
        query = _QUERY.format(condition=condition.sql, sums=_CUBE_SUMS) + "".join(
            _GROUP_QUERY.format(kind=kind, column=column, sums=_CUBE_SUMS) for kind, column in _GROUPS
        )
    by_role: dict[str, list[Bucket]] = {}
    with connections[release.using].cursor() as cursor:
        cursor.execute(query, condition.parameters)
        for kind, value, role, currency, source, *figures in cursor.fetchall():
            if kind and not value:
                continue
            # Sums arrive as Decimal from PostgreSQL and as int from SQLite; both are whole.
            bucket = Bucket(kind, value, role, currency, source, *map(int, figures))
            by_role.setdefault(role, []).append(bucket)
    return by_role


def summary_payload(*, role: str, filters: dict[str, str | None], buckets: Iterable[Bucket]) -> dict[str, Any]:
    """Return the answer for one role out of its buckets."""
    by_kind: dict[str, dict[str, list[Bucket]]] = {"": {}, **{kind: {} for kind, _ in _GROUPS}}
    for bucket in buckets:
        by_kind[bucket.kind].setdefault(bucket.value, []).append(bucket)
    every = by_kind[""].get("", [])
    payload: dict[str, Any] = {
        "role": role,
        "filters": filters_echo(role=role, filters=filters),
        "total_observations": sum(bucket.count for bucket in every),
        "currencies": currency_blocks(every),
    }
    for kind, column in _GROUPS:
        payload[kind] = [
            {
                column: value,
                "observations": sum(bucket.count for bucket in by_kind[kind][value]),
                "currencies": currency_blocks(by_kind[kind][value]),
            }
            for value in sorted(by_kind[kind])
        ]
    return payload


def filters_echo(*, role: str, filters: dict[str, str | None]) -> dict[str, str | None]:
    """Return the `filters` object of an answer about one role."""
    return {"role": role, **{name: filters.get(name) for name in FILTERS}}
