"""Stored answers of roles without filters, as the text that is sent."""

from __future__ import annotations

from typing import Literal

from django.db import connections

from salaries.selectors.releases import Release

Kind = Literal["summary", "insights", "overview"]


def stored_answers(*, release: Release, kind: Kind, roles: list[str]) -> dict[str, bytes]:
    """Return the stored JSON of those `roles` that have one, in one query."""
    marks = ", ".join(["%s"] * len(roles))
    with connections[release.using].cursor() as cursor:
        cursor.execute(
            f"SELECT role, {kind} FROM salaries_salaryroleaggregate WHERE release_id = %s AND role IN ({marks})",  # noqa: S608
            [release.id, *roles],
        )
        return {role: body.encode() for role, body in cursor.fetchall() if body is not None}
