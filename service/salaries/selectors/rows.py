"""The rows a request is about, as an SQL condition: role and filters matched without regard to case."""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connections

from salaries.selectors.releases import Release

_SHARED = "only "
FILTERS = ("location", "country", "state", "level", "currency", "work_model")


def folded(field: str, text: str) -> str:
    """Return `text` in the form that equal values of `field` share, whatever their case or Unicode composition.

    Roles are stored lower-cased, so lower case is enough there, and exactly one stored role matches.
    """
    text = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", text.lower() if field == "role" else text.casefold())


def shared(field: str) -> str:
    """Return the facet field that holds, by role, the one value of `field` that every row of the role has."""
    return f"{_SHARED}{field}"


def _is_shared(field: str) -> bool:
    return field.startswith(_SHARED)


class Facet(NamedTuple):
    """What is looked up: the values of a field that have the folded form `text`; of a shared field, that of a role."""

    field: str
    text: str


# What was looked up last, by database and release: most requests name the same few roles and places again.
KNOWN_FACETS: dict[tuple[str, Facet], tuple[str, ...]] = {}
KNOWN_FACETS_LIMIT = 2_000


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

    def only(self, column: str) -> str | int | None:
        """Return the value that every row has in `column`; None where the clause leaves several."""
        values = dict(self.columns).get(column, ())
        return values[0] if len(values) == 1 else None

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
    """Resolve roles and filters against the release's facets, in one query at most.

    Args:
        release: the release to read.
        roles: roles asked for, stripped.
        filters: a value or None for each of `FILTERS`.
    """
    by_fold = {role: folded("role", role) for role in roles}
    asked = {name: folded(name, value) for name, value in filters.items() if value}
    facets = [Facet("role", fold) for fold in sorted(set(by_fold.values()))]
    facets += [Facet(name, fold) for name, fold in asked.items()]
    # A role is stored in its folded form.
    facets += [Facet(shared(name), role) for name in asked for role in by_fold.values()]
    found = _facet_values(release, facets)
    by_role = {role: values[0] for role, fold in by_fold.items() if (values := found[Facet("role", fold)])}
    whole = frozenset(
        role
        for role in by_role
        if all(found[Facet(shared(name), by_fold[role])] == (fold,) for name, fold in asked.items())
    )
    columns: dict[str, tuple[str | int, ...]] = {"release_id": (release.id,)}
    columns["role"] = tuple(sorted(set(by_role.values())))
    columns |= {name: found[Facet(name, fold)] for name, fold in asked.items()}
    return Condition(tuple(columns.items()), by_role, whole)


def whole_release(release: Release) -> Condition:
    """Return the condition that holds for every row of `release`, as the aggregates need it."""
    return Condition((("release_id", (release.id,)),), {}, frozenset())


def _facet_values(release: Release, facets: list[Facet]) -> dict[Facet, tuple[str, ...]]:
    """Return the stored values of each facet, in order; a release never changes, so those found before still hold."""
    of = f"{release.using} {release.tag}"
    found = {facet: KNOWN_FACETS.get((of, facet)) for facet in facets}
    missing = [facet for facet, values in found.items() if values is None]
    if missing:
        read = _read_facets(release, missing)
        if len(KNOWN_FACETS) + len(read) > KNOWN_FACETS_LIMIT:
            KNOWN_FACETS.clear()
        KNOWN_FACETS.update({(of, facet): values for facet, values in read.items()})
        found |= read
    return {facet: values or () for facet, values in found.items()}


def _read_facets(release: Release, facets: list[Facet]) -> dict[Facet, tuple[str, ...]]:
    texts: dict[str, list[str]] = {}
    for facet in facets:
        texts.setdefault(facet.field, []).append(facet.text)
    clauses: list[str] = []
    parameters: list[str | int] = []
    # Each is found by an index; for one condition of them all the database reads every facet of the release.
    for field, wanted in texts.items():
        answer, asked = ("folded", "value") if _is_shared(field) else ("value", "folded")
        clauses.append(
            f"SELECT field, {asked}, {answer} AS answer FROM salaries_salaryfacet "  # noqa: S608
            f"WHERE release_id = %s AND field = %s AND {asked} IN ({', '.join(['%s'] * len(wanted))})"
        )
        parameters += [release.id, field, *wanted]
    read: dict[Facet, list[str]] = {facet: [] for facet in facets}
    with connections[release.using].cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(clauses)} ORDER BY answer", parameters)
        for field, text, value in cursor.fetchall():
            read[Facet(field, text)].append(value)
    return {facet: tuple(values) for facet, values in read.items()}
