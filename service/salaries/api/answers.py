"""Build the bytes of each answer: stored where nothing is filtered, else computed from the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from salaries.api.encoding import json_text
from salaries.api.params import Filters, Query
from salaries.selectors.aggregates import stored_answers
from salaries.selectors.facets import filters_payload
from salaries.selectors.insights import insights_payload, quartiles_by_role, ranked_by_role
from salaries.selectors.releases import Release
from salaries.selectors.rows import Condition, condition_for
from salaries.selectors.summary import summary_buckets, summary_payload

Answer = Callable[[Release | None, Query], bytes]


def summary_answer(release: Release | None, query: Query) -> bytes:
    """Return the `/api/salaries/` body of the query's one role."""
    return _summaries(release, query)[query.roles[0]]


def insights_answer(release: Release | None, query: Query) -> bytes:
    """Return the `/api/salaries/insights/` body of the query's one role."""
    role = query.roles[0]
    if release is not None and query.unfiltered:
        stored = stored_answers(release=release, kind="insights", roles=[role])
        if stored:
            return stored[role]
    quartiles, ranked = [], []
    if release is not None:
        condition = condition_for(release=release, roles=[role], filters=query.filters)
        quartiles = _merged(quartiles_by_role(release=release, condition=condition))
        ranked = _merged(ranked_by_role(release=release, condition=condition))
    payload = insights_payload(role=role, filters=query.filters, quartiles=quartiles, ranked=ranked)
    return json_text(payload).encode()


def comparison_answer(release: Release | None, query: Query) -> bytes:
    """Return the `/api/salaries/comparison/` body: the summaries of all roles, joined as they are."""
    bodies = _summaries(release, query)
    echo = json_text({"roles": query.roles, **query.filters}).encode()
    return b'{"filters":' + echo + b',"roles":[' + b",".join(bodies[role] for role in query.roles) + b"]}"


def facets_answer(release: Release | None, _query: Query) -> bytes:
    """Return the `/api/filters/` body."""
    return json_text(filters_payload(release=release)).encode()


def _summaries(release: Release | None, query: Query) -> dict[str, bytes]:
    bodies: dict[str, bytes] = {}
    if release is not None and query.unfiltered:
        bodies = stored_answers(release=release, kind="summary", roles=query.roles)
    missing = [role for role in query.roles if role not in bodies]
    return bodies | _live_summaries(release, missing, query.filters) if missing else bodies


def _live_summaries(release: Release | None, roles: list[str], filters: Filters) -> dict[str, bytes]:
    buckets: dict[str, list[Any]] = {}
    condition: Condition | None = None
    if release is not None:
        condition = condition_for(release=release, roles=roles, filters=filters)
        buckets = summary_buckets(release=release, condition=condition)
    bodies = {}
    for role in roles:
        found = buckets.get(condition.roles.get(role, ""), []) if condition else []
        bodies[role] = json_text(summary_payload(role=role, filters=filters, buckets=found)).encode()
    return bodies


def _merged(by_role: dict[str, list[Any]]) -> list[Any]:
    return [item for items in by_role.values() for item in items]
