"""The `/api/salaries/catalogue/` answer: what the active release holds, where it is from, and how values are called."""

from __future__ import annotations

import json
from typing import Any

from django.db import connections

from salaries.labels import level_order, role_label, state_name
from salaries.selectors.facets import filters_payload
from salaries.selectors.overview import PERIOD
from salaries.selectors.releases import Release

_SOURCES = """
SELECT source, COUNT(*), COUNT(observed_at), MIN(observed_at), MAX(observed_at)
FROM salaries_salaryobservation WHERE release_id = %s GROUP BY source
"""
# Only the most observed roles show their levels: the whole is read with each visit.
ROLES_WITH_LEVELS = 60


def sources_of(release: Release) -> list[dict[str, Any]]:
    """Return each source's rows, how many of them have a date, and the first and the last of those."""
    with connections[release.using].cursor() as cursor:
        cursor.execute(_SOURCES, [release.id])
        found = sorted(cursor.fetchall())
    return [
        {"source": name, "observations": count, "dated": dated, "first": _day(first), "last": _day(last)}
        for name, count, dated, first, last in found
    ]


def roles_of(overviews: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the catalogue says of each role, out of the roles' overviews."""
    most = sorted(overviews, key=lambda role: (-overviews[role]["total_observations"], role))
    detailed = set(most[:ROLES_WITH_LEVELS])
    return [_role(role, overviews[role], detailed=role in detailed) for role in sorted(overviews)]


def catalogue_payload(*, release: Release | None) -> dict[str, Any]:
    """Return the answer. A release that an older version loaded has no sources and no figures in it."""
    facets = filters_payload(release=release)
    kept = {"sources": [], "roles": [_named(role) for role in facets["roles"]], "converted_to": []}
    about = None
    if release is not None:
        about, stored = _stored(release)
        kept |= json.loads(stored) if stored else {}
    return {
        "release": about,
        "period": PERIOD,
        **kept,
        "states": [{"state": state, "name": state_name(state)} for state in facets["states"]],
        "levels": sorted(facets["levels"], key=level_order),
        "work_models": facets["work_models"],
    }


def default_role(catalogue: dict[str, Any]) -> str | None:
    """Return the role with most rows (ties: by name), or None without data."""
    roles = sorted(catalogue["roles"], key=lambda each: (-(each["observations"] or 0), each["role"]))
    return roles[0]["role"] if roles else None


def _stored(release: Release) -> tuple[dict[str, Any], str | None]:
    with connections[release.using].cursor() as cursor:
        cursor.execute(
            "SELECT row_count, created_at, catalogue FROM salaries_datasetrelease WHERE id = %s", [release.id]
        )
        rows, loaded, stored = cursor.fetchone()
    about = {
        "number": release.id,
        "observations": rows,
        "loaded_at": _day(loaded),
        "activated_at": _day(release.activated_at),
    }
    return about, stored


def _role(role: str, overview: dict[str, Any], *, detailed: bool) -> dict[str, Any]:
    percentiles = overview["percentiles"]
    levels = overview["levels"] if detailed else []
    return {
        **_named(role),
        "observations": overview["total_observations"],
        "currency": overview["currency"],
        "median": percentiles and percentiles["median"],
        "levels": [
            {
                "level": each["level"],
                "observations": each["observations"],
                "median": each["percentiles"] and each["percentiles"]["median"],
            }
            for each in levels
        ],
    }


def _named(role: str) -> dict[str, Any]:
    return {
        "role": role,
        "label": role_label(role),
        "observations": None,
        "currency": None,
        "median": None,
        "levels": [],
    }


def _day(moment: Any) -> str | None:
    """Return the day of a date or time, which SQLite hands over as a text."""
    return None if moment is None else str(moment)[:10]
