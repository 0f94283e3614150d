"""The stored answers of a release: three texts a role, computed in a handful of statements for all or many roles.

With them goes what tells a filter that leaves nothing out, and is answered by the same texts.
"""

from __future__ import annotations

from itertools import chain

from django.db import connections

from salaries.api.encoding import json_text
from salaries.models import SalaryRoleAggregate
from salaries.selectors.insights import insights_payload, locations_by_role, quartiles_by_role, rankings
from salaries.selectors.releases import Release
from salaries.selectors.rows import FILTERS, whole_release
from salaries.selectors.summary import summary_buckets, summary_payload
from salaries.services.overviews import STORED_FROM, catalogue_store, overviews_of
from salaries.services.shared import shared_values_rebuild

_BATCH = 500
# The planner knows nothing yet of rows that this transaction wrote, and expects few. Quartiles need their rows sorted,
# which goes role by role then; the other groupings would be sorted too, and hashing their rows takes half the time.
# The default work_mem of 4 MB would spill every hash table to disk.
_SORTING = "SET LOCAL work_mem = '256MB'; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
_HASHING = "SET LOCAL enable_incremental_sort = off"


def rebuild_aggregates(*, release: Release) -> int:
    """Replace the stored answers of `release`; return how many roles they cover. Call it inside a transaction."""
    condition = whole_release(release)
    _plan_by(_SORTING, release.using)
    quartiles = quartiles_by_role(release=release, condition=condition)
    _plan_by(_HASHING, release.using)
    buckets = summary_buckets(release=release, condition=condition)
    locations = locations_by_role(release=release, condition=condition)
    row_counts = {role: sum(each.count for each in found if not each.kind) for role, found in buckets.items()}
    overviews = overviews_of(release=release, row_counts=row_counts)
    no_filters: dict[str, str | None] = dict.fromkeys(FILTERS)
    rows = (
        SalaryRoleAggregate(
            release_id=release.id,
            role=role,
            summary=json_text(summary_payload(role=role, filters=no_filters, buckets=buckets[role])),
            insights=json_text(
                insights_payload(
                    role=role,
                    filters=no_filters,
                    quartiles=quartiles.get(role, ()),
                    ranked=[*rankings(buckets[role]), *locations.get(role, ())],
                )
            ),
            overview=json_text(overviews[role]) if row_counts[role] >= STORED_FROM else None,
        )
        for role in sorted(buckets)
    )
    manager = SalaryRoleAggregate.objects.using(release.using)
    manager.filter(release_id=release.id).delete()
    catalogue_store(release=release, overviews=overviews)
    shared_values_rebuild(release=release, buckets=chain(*buckets.values()), locations=chain(*locations.values()))
    return len(manager.bulk_create(rows, batch_size=_BATCH))


def _plan_by(settings: str, using: str) -> None:
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute(settings)
