"""The stored overviews of a release, and its catalogue: made some roles at a time, so that memory has a bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from salaries.api.encoding import json_text
from salaries.models import DatasetRelease
from salaries.selectors.catalogue import roles_of, sources_of
from salaries.selectors.overview import bins_of, overview_payload
from salaries.selectors.releases import Release
from salaries.selectors.rows import FILTERS, Condition
from salaries.selectors.samples import BY_LEVEL, EVERY, bin_counts, samples_of
from salaries.stats import most_used

# Below it an overview is computed faster than it takes a release to be loaded with all of them stored.
STORED_FROM = 20_000
# Rows of the small roles that one statement covers. Each is gathered once for every kind of group.
_ROWS_AT_ONCE = 250_000
_ROLES_AT_ONCE = 200


def overviews_of(*, release: Release, row_counts: dict[str, int]) -> dict[str, dict[str, Any]]:
    """Return the overview of each role without filters; `row_counts` are the roles' rows.

    Those of small roles hold what the catalogue tells alone.
    """
    found: dict[str, dict[str, Any]] = {}
    small = {role: count for role, count in row_counts.items() if count < STORED_FROM}
    # One at a time: several in a statement take twice as long (`samples.py` says why).
    for role in sorted(row_counts.keys() - small.keys()):
        found |= _overviews(release, [role], EVERY)
    for batch in _batches(small):
        found |= _overviews(release, batch, BY_LEVEL)
    return found


def catalogue_store(*, release: Release, overviews: dict[str, dict[str, Any]]) -> None:
    """Keep what the catalogue says of sources, roles and conversions with the release."""
    found = DatasetRelease.objects.using(release.using).filter(id=release.id)
    converted_to = found.values_list("build", flat=True).get().get("converted_to", [])
    kept = {"sources": sources_of(release), "roles": roles_of(overviews), "converted_to": converted_to}
    found.update(catalogue=json_text(kept))


def _overviews(release: Release, roles: list[str], kinds: Sequence[str]) -> dict[str, dict[str, Any]]:
    columns: tuple[tuple[str, tuple[str | int, ...]], ...] = (("release_id", (release.id,)), ("role", tuple(roles)))
    condition = Condition(columns, {role: role for role in roles}, frozenset())
    samples = samples_of(release=release, condition=condition, kinds=kinds)
    counts: dict[str, dict[str, int]] = {}
    for (role, currency), groups in samples.items():
        counts.setdefault(role, {})[currency] = groups[""][""].count
    main = {role: most_used(by_currency) for role, by_currency in counts.items()}
    bins = {
        key: steps for key, groups in samples.items() if main[key[0]] == key[1] and (steps := bins_of(groups[""][""]))
    }
    found = bin_counts(release=release, condition=condition, bins=bins)
    payloads = {}
    for (role, currency), groups in samples.items():
        if main[role] == currency:
            steps = bins.get((role, currency))
            payload: dict[str, Any] = overview_payload(
                role=role,
                filters=dict.fromkeys(FILTERS),
                currency=currency,
                counts=counts[role],
                groups=groups,
                bins=(steps, found.get((role, currency), {})) if steps else None,
            )
            payloads[role] = {**payload, "comparison": []}
    return payloads


def _batches(row_counts: dict[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    rows = 0
    for role in sorted(row_counts):
        if batch and (rows + row_counts[role] > _ROWS_AT_ONCE or len(batch) == _ROLES_AT_ONCE):
            yield batch
            batch, rows = [], 0
        batch.append(role)
        rows += row_counts[role]
    if batch:
        yield batch
