"""The rows a request is about, as an SQL condition: role and filters matched without regard to case."""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from itertools import chain

from django.db import connections

from salaries.selectors.releases import Release

FILTERS = ("location", "country", "state", "level", "currency", "work_model")


def folded(field: str, text: str) -> str:
    """Return `text` in the form that equal values of `field` share, whatever their case or Unicode composition.

    Roles are stored lower-cased, so lower case is enough there, and exactly one stored role matches.
    """
    text = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", text.lower() if field == "role" else text.casefold())


def shared(field: str) -> str:
    """Return the facet field that holds, by role, the one value of `field` that every row of the role has."""
    return f"only {field}"


@dataclass(frozen=True)
class Condition:
    """A WHERE clause: the values that columns may have.

    `roles` maps each role asked for to the stored role it names; `whole` are those that the filters leave whole.
    """

    columns: tuple[tuple[str, tuple[str | int, ...]], ...]
    roles: dict[str, str]
    whole: frozenset[str]

    @property
    def sql(self) -> str:
        """Return the clause with a mark for each parameter."""
        return self.sql_of("")

    def sql_of(self, table: str) -> str:
        """Return the clause for the columns of `table`, for a statement that has several."""
        prefix = f"{table}." if table else ""
        return " AND ".join(
            f"{prefix}{column} IN ({', '.join(['%s'] * len(values))})" for column, values in self.columns
        )

    @property
    def parameters(self) -> list[str | int]:
        """Return the values of the marks."""
        return [value for _, values in self.columns for value in values]

    @property
    def empty(self) -> bool:
        """Tell whether no row can meet it."""
        return any(not values for _, values in self.columns)

    def without(self, roles: Container[str]) -> Condition:
        """Return the same condition for the other roles."""
        kept = {asked: stored for asked, stored in self.roles.items() if asked not in roles}
        columns = {**dict(self.columns), "role": tuple(sorted(set(kept.values())))}
        return Condition(tuple(columns.items()), kept, self.whole)

    def within(self, column: str, *values: str) -> Condition:
        """Return the same condition for rows with one of `values` alone."""
        return Condition(tuple({**dict(self.columns), column: values}.items()), self.roles, self.whole)


NO_ROWS = Condition((("role", ()),), {}, frozenset())


def condition_for(*, release: Release, roles: list[str], filters: dict[str, str | None]) -> Condition:
    """Resolve roles and filters against the release's facets, in one query.

    Args:
        release: the release to read.
        roles: roles asked for, stripped.
        filters: a value or None for each of `FILTERS`.
    """
    by_fold = {role: folded("role", role) for role in roles}
    asked = {name: folded(name, value) for name, value in filters.items() if value}
    found = _facet_values(release, sorted(set(by_fold.values())), asked)
    by_role = {role: found["role", fold][0] for role, fold in by_fold.items() if ("role", fold) in found}
    whole = frozenset(
        role
        for role, stored in by_role.items()
        if all(stored in found.get((shared(name), fold), ()) for name, fold in asked.items())
    )
    columns: dict[str, tuple[str | int, ...]] = {"release_id": (release.id,)}
    columns["role"] = tuple(sorted(set(by_role.values())))
    columns |= {name: tuple(found.get((name, fold), ())) for name, fold in asked.items()}
    return Condition(tuple(columns.items()), by_role, whole)


def whole_release(release: Release) -> Condition:
    """Return the condition that holds for every row of `release`, as the aggregates need it."""
    return Condition((("release_id", (release.id,)),), {}, frozenset())


def _facet_values(release: Release, roles: list[str], asked: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    """Return the stored values by field and folded form: of the roles and filters, and what the roles' rows share."""
    marks = ", ".join(["%s"] * len(roles))
    looked_up: list[tuple[str, list[str]]] = [(f"field = %s AND folded IN ({marks})", ["role", *roles])]
    looked_up += [("field = %s AND folded = %s", [name, fold]) for name, fold in asked.items()]
    # A role is stored in its folded form.
    only = f"field = %s AND folded = %s AND value IN ({marks})"
    looked_up += [(only, [shared(name), fold, *roles]) for name, fold in asked.items()]
    # Each is found by an index; for one condition of them all the database reads every facet of the release.
    one = "SELECT field, folded, value FROM salaries_salaryfacet WHERE release_id = %s AND "
    statement = " UNION ALL ".join(one + clause for clause, _ in looked_up)
    parameters = list[str | int](chain.from_iterable((release.id, *values) for _, values in looked_up))
    found: dict[tuple[str, str], list[str]] = {}
    with connections[release.using].cursor() as cursor:
        cursor.execute(f"{statement} ORDER BY value", parameters)
        for name, fold, value in cursor.fetchall():
            found.setdefault((name, fold), []).append(value)
    return found
