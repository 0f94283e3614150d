"""Build the bytes of each answer: stored where nothing is filtered out, else computed from the rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from salaries.api.encoding import json_text
from salaries.api.params import LISTS, Query
from salaries.selectors.aggregates import Kind, stored_answers
from salaries.selectors.facets import filters_payload
from salaries.selectors.insights import insights_payload, quartiles_by_role, ranked_by_role
from salaries.selectors.releases import Release
from salaries.selectors.rows import NO_ROWS, Condition, condition_for
from salaries.selectors.summary import filters_echo, summary_buckets, summary_payload

Answer = Callable[[Release | None, Query], bytes]


def summary_answer(release: Release | None, query: Query) -> bytes:
    """Return the `/api/salaries/` body of the query's one role."""
    return _with_lists(_summaries(release, query)[query.roles[0]], query)


def insights_answer(release: Release | None, query: Query) -> bytes:
    """Return the `/api/salaries/insights/` body of the query's one role."""
    role = query.roles[0]
    quartiles, ranked = [], []
    if release is not None:
        stored, condition = stored_and_rest(release, query, "insights")
        if stored:
            return stored[role]
        quartiles = _merged(quartiles_by_role(release=release, condition=condition))
        ranked = _merged(ranked_by_role(release=release, condition=condition))
    payload = insights_payload(role=role, filters=query.filters, quartiles=quartiles, ranked=ranked)
    return json_text(payload).encode()


def comparison_answer(release: Release | None, query: Query) -> bytes:
    """Return the `/api/salaries/comparison/` body: the summaries of all roles, joined as they are."""
    bodies = _summaries(release, query)
    echo = json_text({"roles": query.roles, **query.filters}).encode()
    joined = b'{"filters":' + echo + b',"roles":[' + b",".join(bodies[role] for role in query.roles) + b"]}"
    return _with_lists(joined, query)


def facets_answer(release: Release | None, _query: Query) -> bytes:
    """Return the `/api/filters/` body."""
    return json_text(filters_payload(release=release)).encode()


def _summaries(release: Release | None, query: Query) -> dict[str, bytes]:
    bodies: dict[str, bytes] = {}
    buckets: dict[str, list[Any]] = {}
    condition = NO_ROWS
    if release is not None:
        bodies, condition = stored_and_rest(release, query, "summary")
        buckets = summary_buckets(release=release, condition=condition)
    for role in query.roles:
        if role not in bodies:
            found = buckets.get(condition.roles.get(role, ""), [])
            bodies[role] = json_text(summary_payload(role=role, filters=query.filters, buckets=found)).encode()
    return bodies


def stored_and_rest(release: Release, query: Query, kind: Kind) -> tuple[dict[str, bytes], Condition]:
    """Return the bodies that the stored answers give to a query, and the condition for the rows of the other roles."""
    bodies: dict[str, bytes] = {}
    if query.unfiltered:
        bodies = stored_answers(release=release, kind=kind, roles=query.roles)
    missing = [role for role in query.roles if role not in bodies]
    if not missing:
        return bodies, NO_ROWS
    condition = condition_for(release=release, roles=missing, filters=query.filters)
    names = {role: stored for role, stored in condition.roles.items() if role in condition.whole}
    if names:
        found = stored_answers(release=release, kind=kind, roles=sorted(set(names.values())))
        for role, stored in names.items():
            if stored in found:
                echo = {"role": role, "filters": filters_echo(role=role, filters=query.filters)}
                bodies[role] = json_text({**json.loads(found[stored]), **echo}).encode()
    return bodies, condition.without(bodies)


def _with_lists(body: bytes, query: Query) -> bytes:
    """Return a summary or a comparison with the lists that the query names, or with all."""
    if not query.lists:
        return body
    left_out = set(LISTS).difference(query.lists)
    kept = json.loads(
        body, object_hook=lambda found: {name: part for name, part in found.items() if name not in left_out}
    )
    return json_text(kept).encode()


def _merged(by_role: dict[str, list[Any]]) -> list[Any]:
    return [item for items in by_role.values() for item in items]
