"""Which release is active, and lists of releases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from config.outage import OUTAGE, is_away
from django.conf import settings
from django.db import DatabaseError, connections

from salaries.models import ActiveRelease, DatasetActivation, DatasetRelease


@dataclass(frozen=True)
class Release:
    """The active release as a request sees it; `using` is the database it was read from."""

    id: int
    checksum: str
    using: str
    # When it was made active, as the database tells it.
    activated_at: Any = None

    @property
    def tag(self) -> str:
        """Return what tells this release's content from any other's, in a fresh database too."""
        return f"{self.id}-{self.checksum[:12]}"


def reads_alias() -> str:
    """Return the database that requests read: the replica where there is one."""
    return "replica" if "replica" in settings.DATABASES else "default"


class RememberedPointer(threading.local):
    """The last look at the pointer, each thread's own, kept for a fraction of a second; `clock` counts seconds."""

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self.forget()

    def forget(self) -> None:
        """Look at the database again next time."""
        self.seen_at = float("-inf")
        self.release: Release | None = None


POINTER = RememberedPointer()


def active_release() -> Release | None:
    """Return the active release, or None before the first load.

    A worker looks again after `RELEASE_CACHE_SECONDS`; the releases themselves are immutable, so nothing else can
    become stale.
    """
    now = POINTER.clock()
    if now - POINTER.seen_at >= settings.RELEASE_CACHE_SECONDS or POINTER.release is None:
        POINTER.release = _read_pointer(reads_alias())
        POINTER.seen_at = now
    return POINTER.release


# For this long an answer of the release that was active is better than none.
STALE_SECONDS = 600.0


class LastKnown:
    """The release that this process saw last, whichever thread did."""

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self._seen: tuple[Release | None, float] | None = None

    def note(self, release: Release | None) -> None:
        """It is active now."""
        self._seen = release, self.clock()

    def recent(self) -> Release | None:
        """What was active within the last minutes."""
        release, at = self._seen or (None, float("-inf"))
        return release if self.clock() - at < STALE_SECONDS else None


LAST_KNOWN = LastKnown()


def release_to_answer_from() -> tuple[Release | None, bool]:
    """Return the active release; while the database is away the one it was before, and True.

    Raises:
        DatabaseError: it is away, and there was none within the last ten minutes.
    """
    try:
        with OUTAGE.asked():
            release = active_release()
    except DatabaseError as error:
        last = LAST_KNOWN.recent() if is_away(error) else None
        if last is None:
            raise
        return last, True
    LAST_KNOWN.note(release)
    return release, False


def _read_pointer(using: str) -> Release | None:
    # NOTE: plain SQL here and for aggregates: these two are every cached answer's whole cost, the ORM would double it.
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT r.id, r.checksum, a.activated_at FROM salaries_activerelease a "
            "JOIN salaries_datasetrelease r ON r.id = a.release_id"
        )
        row = cursor.fetchone()
    return None if row is None else Release(id=row[0], checksum=row[1], using=using, activated_at=row[2])


def releases_list(*, using: str = "default") -> list[tuple[DatasetRelease, bool]]:
    """Return every kept release, newest first, each with whether it is active."""
    active = ActiveRelease.objects.using(using).values_list("release_id", flat=True).first()
    return [(release, release.id == active) for release in DatasetRelease.objects.using(using)]


def activations_list(*, limit: int, using: str = "default") -> list[DatasetActivation]:
    """Return the last activations, newest first."""
    return list(DatasetActivation.objects.using(using)[:limit])


def given_up(*, using: str = "default") -> dict[str, DatasetActivation]:
    """Return what was rolled back from and not made active again since: the rollback by the checksum of the rows."""
    found: dict[str, DatasetActivation] = {}
    for flip in DatasetActivation.objects.using(using).order_by("id"):
        if flip.gave_up and flip.left_checksum:
            found[flip.left_checksum] = flip
        found.pop(flip.checksum, None)
    return found
