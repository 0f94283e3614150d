"""The stored overviews of a release, and its catalogue: made some roles at a time, so that memory has a bound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from salaries.api.encoding import json_text
from salaries.models import DatasetRelease
from salaries.selectors.catalogue import roles_of, sources_of
from salaries.selectors.overview import bins_of, overview_payload
from salaries.selectors.releases import Release
from salaries.selectors.rows import FILTERS, Condition
from salaries.selectors.samples import EVERY, bin_counts, samples_of
from salaries.stats import most_used

# Rows of the roles that one statement covers. Each is gathered once for every kind of group.
_ROWS_AT_ONCE = 250_000
_ROLES_AT_ONCE = 200


def overviews_of(*, release: Release, row_counts: dict[str, int]) -> dict[str, str]:
    """Return the overview of each role without filters, as the text that is sent; `row_counts` are the roles' rows."""
    found: dict[str, str] = {}
    for roles in _batches(row_counts):
        columns: tuple[tuple[str, tuple[str | int, ...]], ...] = (("release_id", (release.id,)), ("role", tuple(roles)))
        found |= _overviews(release, Condition(columns, {role: role for role in roles}, frozenset()))
    return found


def catalogue_store(*, release: Release, overviews: dict[str, str]) -> None:
    """Keep what the catalogue says of sources and roles with the release."""
    roles = roles_of({role: json.loads(text) for role, text in overviews.items()})
    kept = json_text({"sources": sources_of(release), "roles": roles})
    DatasetRelease.objects.using(release.using).filter(id=release.id).update(catalogue=kept)


def _overviews(release: Release, condition: Condition) -> dict[str, str]:
    samples = samples_of(release=release, condition=condition, kinds=EVERY)
    counts: dict[str, dict[str, int]] = {}
    for (role, currency), groups in samples.items():
        counts.setdefault(role, {})[currency] = groups[""][""].count
    main = {role: most_used(by_currency) for role, by_currency in counts.items()}
    bins = {
        key: steps for key, groups in samples.items() if main[key[0]] == key[1] and (steps := bins_of(groups[""][""]))
    }
    found = bin_counts(release=release, condition=condition, bins=bins)
    texts = {}
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
            texts[role] = json_text({**payload, "comparison": []})
    return texts


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
