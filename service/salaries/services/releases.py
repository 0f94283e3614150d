"""Make, publish and roll back dataset releases.

A load writes new rows under a new release id and flips the one pointer in the same transaction, under one lock. Readers
see the old release until the commit and the new one after it; a killed load leaves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from django.conf import settings
from django.utils import timezone

from salaries.ingest.build import REPORT_NAME
from salaries.ingest.engine import engine
from salaries.ingest.rows import PreparedRows, prepare_rows
from salaries.ingest.workspace import scratch, sha256_of
from salaries.models import (
    ActiveRelease,
    DatasetActivation,
    DatasetRelease,
    SalaryFacet,
    SalaryObservation,
    SalaryRoleAggregate,
)
from salaries.selectors.releases import Release, given_up
from salaries.selectors.rows import folded
from salaries.services.aggregates import rebuild_aggregates
from salaries.services.copying import copy_rows_in, copy_rows_out
from salaries.services.locks import dataset_transaction

Observer = Callable[[str], None]


def _silent(_step: str) -> None:
    """Tell nobody."""


class LoadRefusedError(Exception):
    """The load would do harm, so nothing was changed."""


class RolledBackError(LoadRefusedError):
    """The load would bring back what somebody rolled back from."""


@dataclass(frozen=True)
class LoadResult:
    """What a load did; `created` is False when the active release already held these rows."""

    release_id: int
    created: bool
    row_count: int
    roles: int
    checksum: str


def release_load(
    *,
    canonical: Path,
    append: bool,
    allow_shrink: bool,
    allow_rolled_back: bool = False,
    using: str = "default",
    observer: Observer = _silent,
) -> LoadResult:
    """Load the canonical CSV as a new release and make it the active one.

    Args:
        canonical: the file `build_salary_dataset` wrote.
        append: keep the active rows and add those of the file that are not among them.
        allow_shrink: accept a release with less than half of the active rows, in all or of one source.
        allow_rolled_back: accept the rows of a release that was rolled back from.
        using: the database to write.
        observer: is told each step that begins.

    Raises:
        IngestError: the file is missing or is no canonical CSV.
        LoadRefusedError: the release would shrink the data, or would be empty.
        RolledBackError: its rows are those of a release that was rolled back from.
        BusyError: another load did not finish in time.
    """
    size = canonical.stat().st_size if canonical.is_file() else 0
    observer("waiting for other loads")
    with (
        scratch(settings.DATA_DIR, "load") as folder,
        engine(folder, sorted_bytes=size) as db,
        dataset_transaction(using),
    ):
        observer("reading and sorting rows")
        active = _active(using)
        live = _live_rows(active, folder, using) if append else None
        prepared = prepare_rows(db, canonical=canonical, live=live)
        if active and _are_those_of(prepared, active):
            observer("aggregates")
            return _aggregated(active, created=False, using=using)
        _refuse_shrinking(active, prepared, allow_shrink=allow_shrink)
        if not allow_rolled_back:
            _refuse_rolled_back(prepared, using)
        kind: Literal["append", "load"] = "append" if append else "load"
        observer("copying rows")
        build = _told_of_build(canonical, active if append else None)
        release = _write(prepared, kind=kind, build=build, using=using)
        observer("aggregates")
        result = _aggregated(release, created=True, using=using)
        observer("removing old releases")
        _activate(release, how=kind, using=using)
        _prune(using)
        return result


def release_rollback(*, to: int | None = None, using: str = "default") -> DatasetRelease:
    """Make a kept release active again: the one numbered `to`, or what was active before the last activation.

    Raises:
        LoadRefusedError: there is no such release, or none that was not rolled back from.
    """
    with dataset_transaction(using):
        kept = DatasetRelease.objects.using(using)
        target = _before_active(using) if to is None else kept.filter(id=to).first()
        if target is None:
            wanted = (
                "older release to go back to that was not rolled back from"
                if to is None
                else f"release {to} to go back to"
            )
            numbers = ", ".join(str(number) for number in kept.values_list("id", flat=True)) or "none"
            raise LoadRefusedError(f"There is no {wanted}; kept releases: {numbers}.")
        _activate(target, how="rollback", using=using)
        return target


def _before_active(using: str) -> DatasetRelease | None:
    """Return the kept release that undoing activations leads to first, those that were rolled back from aside."""
    stack: list[int] = []
    for flip in DatasetActivation.objects.using(using).order_by("id"):
        if flip.how == "rollback" and flip.release_number in stack:
            del stack[stack.index(flip.release_number) :]
        stack.append(flip.release_number)
    active, bad = _active(using), given_up(using=using)
    kept = {
        release.id: release
        for release in DatasetRelease.objects.using(using)
        if (active is None or release.id != active.id) and release.checksum not in bad
    }
    return next((kept[number] for number in reversed(stack) if number in kept), None)


def _active(using: str) -> DatasetRelease | None:
    pointer = ActiveRelease.objects.using(using).select_related("release").first()
    return pointer.release if pointer else None


def _live_rows(active: DatasetRelease | None, folder: Path, using: str) -> Path:
    """Return a file of the active release's rows, an empty one when there is no release."""
    path = folder / "live.csv"
    path.touch()
    if active:
        copy_rows_out(using=using, release_id=active.id, path=path)
    return path


def _aggregated(release: DatasetRelease, *, created: bool, using: str) -> LoadResult:
    """Compute the release's aggregates, and return what the load did."""
    roles = rebuild_aggregates(release=Release(release.id, release.checksum, using))
    return LoadResult(release.id, created, release.row_count, roles, release.checksum)


def _are_those_of(prepared: PreparedRows, release: DatasetRelease) -> bool:
    # Sorting all rows is what their checksum costs, so it is asked for last.
    return (
        prepared.row_count == release.row_count
        and prepared.sources == release.sources
        and prepared.checksum() == release.checksum
    )


def _refuse_shrinking(active: DatasetRelease | None, prepared: PreparedRows, *, allow_shrink: bool) -> None:
    if prepared.row_count == 0:
        raise LoadRefusedError("The canonical CSV holds no rows; an empty release is never published.")
    if active is None or allow_shrink:
        return
    found = []
    if 2 * prepared.row_count < active.row_count:
        found.append(f"in all from {active.row_count:,} to {prepared.row_count:,} rows")
    found += [
        f"source {name!r} from {before:,} to {prepared.sources.get(name, 0):,} rows"
        for name, before in sorted(active.sources.items())
        if 2 * prepared.sources.get(name, 0) < before
    ]
    if found:
        raise LoadRefusedError(
            f"The release would shrink the data below half ({'; '.join(found)}); the active release stays. "
            "If that is right, load again with --allow-shrink."
        )


def _refuse_rolled_back(prepared: PreparedRows, using: str) -> None:
    bad = given_up(using=using)
    # Sorting all rows is what their checksum costs, so a count has to fit first.
    if prepared.row_count not in {flip.left_row_count for flip in bad.values()}:
        return
    flip = bad.get(prepared.checksum())
    if flip is not None:
        raise RolledBackError(
            f"The rows are those of release r{flip.left_number}, which was rolled back from on {flip.at:%Y-%m-%d}, "
            "so the active release stays; --allow-rolled-back loads them all the same."
        )


def _write(prepared: PreparedRows, *, kind: str, build: dict[str, Any], using: str) -> DatasetRelease:
    release = DatasetRelease.objects.using(using).create(
        checksum="", row_count=prepared.row_count, kind=kind, sources=prepared.sources, build=build
    )
    written, release.checksum = copy_rows_in(using=using, release_id=release.id, rows=prepared)
    if written != prepared.row_count:
        raise LoadRefusedError(f"The database took {written:,} of {prepared.row_count:,} rows; nothing was published.")
    release.save(using=using, update_fields=["checksum"])
    SalaryFacet.objects.using(using).bulk_create(
        (
            SalaryFacet(release_id=release.id, field=name, value=value, folded=folded(name, value))
            for name, value in prepared.facets
        ),
        batch_size=2000,
    )
    return release


def _told_of_build(canonical: Path, kept: DatasetRelease | None) -> dict[str, Any]:
    """Return the report of the build, with the conversions of the release whose rows are kept beside it."""
    build = build_report(canonical)
    if kept:
        build["converted_to"] = sorted({*build.get("converted_to", []), *kept.build.get("converted_to", [])})
    return build


def build_report(canonical: Path) -> dict[str, Any]:
    """Return the report of the build that wrote `canonical`, or nothing when it was made otherwise."""
    report = canonical.with_name(REPORT_NAME)
    try:
        found = json.loads(report.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return found if sha256_of(canonical) == found.get("checksum") else {}


def _activate(release: DatasetRelease, *, how: Literal["load", "append", "rollback"], using: str) -> None:
    left = _active(using)
    if left is not None and left.id == release.id:
        return
    ActiveRelease.objects.using(using).update_or_create(id=ActiveRelease.ONLY_ID, defaults={"release": release})
    DatasetActivation.objects.using(using).create(
        at=timezone.now(),
        how=how,
        release_number=release.id,
        checksum=release.checksum,
        left_number=left.id if left else None,
        left_checksum=left.checksum if left else None,
        left_row_count=left.row_count if left else None,
    )


def _prune(using: str) -> None:
    """Delete all but the newest releases, the active one, and the one that a rollback would go to."""
    kept = list(DatasetRelease.objects.using(using).values_list("id", flat=True)[: settings.DATASET_RELEASES_KEPT + 1])
    kept += [release.id for release in (_active(using), _before_active(using)) if release]
    old = list(DatasetRelease.objects.using(using).exclude(id__in=kept).values_list("id", flat=True))
    for model in (SalaryObservation, SalaryFacet, SalaryRoleAggregate):
        model._base_manager.using(using).filter(release_id__in=old)._raw_delete(using)
    DatasetRelease.objects.using(using).filter(id__in=old).delete()
