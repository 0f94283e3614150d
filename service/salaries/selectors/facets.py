"""The distinct values that the drop-downs show."""

from __future__ import annotations

from django.db import connections

from salaries.selectors.releases import Release

_FIELDS = {"role": "roles", "state": "states", "level": "levels", "work_model": "work_models"}


def filters_payload(*, release: Release | None) -> dict[str, list[str]]:
    """Return the `/api/filters/` answer: sorted, non-blank values."""
    payload: dict[str, list[str]] = {name: [] for name in _FIELDS.values()}
    if release is None:
        return payload
    with connections[release.using].cursor() as cursor:
        cursor.execute(
            "SELECT field, value FROM salaries_salaryfacet WHERE release_id = %s "
            "AND field IN ('role', 'state', 'level', 'work_model')",
            [release.id],
        )
        for name, value in cursor.fetchall():
            payload[_FIELDS[name]].append(value)
    return {name: sorted(values) for name, values in payload.items()}
