"""Stored answers of roles without filters, as the text that is sent."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Literal

from django.db import connections

from salaries.selectors.releases import Release

Kind = Literal["summary", "insights"]
_CACHE_ENTRIES = 256
_cache: OrderedDict[tuple[str, Kind, str], bytes] = OrderedDict()
_lock = Lock()


def stored_answers(*, release: Release, kind: Kind, roles: list[str]) -> dict[str, bytes]:
    """Return the stored JSON of those `roles` that have one, in at most one query.

    A release never changes, so what was read once stays true for as long as its tag is the one asked for.
    """
    found: dict[str, bytes] = {}
    with _lock:
        for role in roles:
            key = (release.tag, kind, role)
            if key in _cache:
                _cache.move_to_end(key)
                found[role] = _cache[key]
    missing = [role for role in roles if role not in found]
    if missing:
        read = _read(release, kind, missing)
        with _lock:
            _cache.update({(release.tag, kind, role): body for role, body in read.items()})
            while len(_cache) > _CACHE_ENTRIES:
                _cache.popitem(last=False)
        found |= read
    return found


def _read(release: Release, kind: Kind, roles: list[str]) -> dict[str, bytes]:
    marks = ", ".join(["%s"] * len(roles))
    with connections[release.using].cursor() as cursor:
        cursor.execute(
            f"SELECT role, {kind} FROM salaries_salaryroleaggregate WHERE release_id = %s AND role IN ({marks})",  # noqa: S608
            [release.id, *roles],
        )
        return {role: body.encode() for role, body in cursor.fetchall()}
