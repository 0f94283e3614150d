"""Build the bytes of the overview, which is everything the dashboard shows of one choice, and of the catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from salaries.api.answers import stored_and_rest
from salaries.api.encoding import json_text
from salaries.api.params import Query
from salaries.selectors.catalogue import catalogue_payload
from salaries.selectors.overview import bins_of, compared_part, compared_payload, overview_payload
from salaries.selectors.releases import Release
from salaries.selectors.rows import NO_ROWS, Condition, condition_for
from salaries.selectors.samples import BY_LEVEL, EVERY, bin_counts, currency_counts, samples_of
from salaries.selectors.summary import filters_echo
from salaries.stats import most_used


def catalogue_answer(release: Release | None, _query: Query) -> bytes:
    """Return the `/api/salaries/catalogue/` body."""
    return json_text(catalogue_payload(release=release)).encode()


def overview_answer(release: Release | None, query: Query) -> bytes:
    """Return the `/api/salaries/overview/` body: the role's, and beside it the roles it is compared with."""
    main = overview_of(release, query)
    compared = _compared(release, query, main["currency"]) if query.compared else []
    return json_text({**main, "comparison": compared}).encode()


def overview_of(release: Release | None, query: Query) -> dict[str, Any]:
    """Return the overview of the query's role, without a comparison."""
    role, condition = query.roles[0], NO_ROWS
    if release is not None:
        found = _stored(release, query)
        if found is not None:
            return found
        condition = _in_any_currency(release, query)
    counts = (
        currency_counts(release=release, condition=condition).get(condition.roles.get(role, ""), {}) if release else {}
    )
    currency = _chosen(counts, query.filters["currency"])
    groups: dict[str, Any] = {}
    bins = None
    if release is not None and currency is not None:
        condition = condition.within("currency", currency)
        key = condition.roles[role], currency
        groups = samples_of(release=release, condition=condition, kinds=EVERY).get(key, {})
        steps = bins_of(groups[""][""])
        if steps is not None:
            bins = steps, bin_counts(release=release, condition=condition, bins={key: steps}).get(key, {})
    return overview_payload(
        role=role, filters=query.filters, currency=currency, counts=counts, groups=groups, bins=bins
    )


def _stored(release: Release, query: Query) -> dict[str, Any] | None:
    """Return the stored overview where it is the answer: it is about one currency, which may be the one asked for."""
    role, wanted = query.roles[0], query.filters["currency"]
    stored, _ = stored_and_rest(release, replace(query, filters={**query.filters, "currency": None}), "overview")
    found: dict[str, Any] = json.loads(stored[role]) if role in stored else {}
    if not found or (wanted and found["currency"].lower() != wanted):
        return None
    return {**found, "filters": filters_echo(role=role, filters=query.filters)}


def _compared(release: Release | None, query: Query, currency: str | None) -> list[dict[str, Any]]:
    """Return the roles that are compared, in the currency of the role that they are compared with."""
    if release is None or currency is None:
        return [compared_payload(role=role, groups={}) for role in query.compared]
    asked = replace(query, roles=list(query.compared), compared=())
    stored, _ = stored_and_rest(release, asked, "overview")
    found = {role: overview for role, body in stored.items() if (overview := json.loads(body))["currency"] == currency}
    parts = {role: compared_part(overview) for role, overview in found.items()}
    rest = [role for role in query.compared if role not in parts]
    if rest:
        condition = _in_any_currency(release, replace(asked, roles=rest)).within("currency", currency)
        samples = samples_of(release=release, condition=condition, kinds=BY_LEVEL)
        for role in rest:
            groups = samples.get((condition.roles.get(role, ""), currency), {})
            parts[role] = compared_payload(role=role, groups=groups)
    return [parts[role] for role in query.compared]


def _in_any_currency(release: Release, query: Query) -> Condition:
    """Return the condition of the query, its currency aside: that one is chosen from those that are there."""
    filters = {**query.filters, "currency": None}
    return condition_for(release=release, roles=query.roles, filters=filters)


def _chosen(counts: dict[str, int], wanted: str | None) -> str | None:
    """Return the currency that is wanted, where there is one, else the one with the most rows."""
    if wanted:
        return next((code for code in sorted(counts) if code.lower() == wanted), None)
    return most_used(counts)
