"""The rows a request is about, as an SQL condition: role and filters matched without regard to case."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from django.db import connections

from salaries.selectors.releases import Release

FILTERS = ("location", "country", "state", "level", "currency", "work_model")


def folded(field: str, text: str) -> str:
    """Return `text` in the form that equal values of `field` share, whatever their case or Unicode composition.

    Roles are stored lower-cased, so lower case is enough there, and exactly one stored role matches.
    """
    text = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", text.lower() if field == "role" else text.casefold())


@dataclass(frozen=True)
class Condition:
    """A WHERE clause with its parameters; `roles` maps each role asked for to the stored role it names."""

    sql: str
    parameters: tuple[str | int, ...]
    roles: dict[str, str]
    empty: bool


def condition_for(*, release: Release, roles: list[str], filters: dict[str, str | None]) -> Condition:
    """Resolve roles and filters against the release's facets, in one query.

    Args:
        release: the release to read.
        roles: roles asked for, stripped.
        filters: a value or None for each of `FILTERS`.
    """
    asked = [(name, value) for name, value in filters.items() if value]
    wanted = [(name, folded(name, value)) for name, value in [*(("role", role) for role in roles), *asked]]
    found = _facet_values(release, wanted)
    by_role = {role: found[key][0] for role in roles if (key := ("role", folded("role", role))) in found}
    columns = [("role", sorted(set(by_role.values())))]
    columns += [(name, found.get((name, folded(name, value)), [])) for name, value in asked]
    clauses: list[str] = ["release_id = %s"]
    parameters: list[str | int] = [release.id]
    for column, values in columns:
        clauses.append(f"{column} IN ({', '.join(['%s'] * len(values))})")
        parameters += values
    empty = any(not values for _, values in columns)
    return Condition(" AND ".join(clauses), tuple(parameters), by_role, empty)


def whole_release(release: Release) -> Condition:
    """Return the condition that holds for every row of `release`, as the aggregates need it."""
    return Condition("release_id = %s", (release.id,), {}, empty=False)


def _facet_values(release: Release, wanted: list[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    clause = " OR ".join(["(field = %s AND folded = %s)"] * len(wanted))
    parameters = [part for pair in wanted for part in pair]
    found: dict[tuple[str, str], list[str]] = {}
    with connections[release.using].cursor() as cursor:
        cursor.execute(
            "SELECT field, folded, value FROM salaries_salaryfacet "  # noqa: S608
            f"WHERE release_id = %s AND ({clause}) ORDER BY value",
            [release.id, *parameters],
        )
        for name, fold, value in cursor.fetchall():
            found.setdefault((name, fold), []).append(value)
    return found
