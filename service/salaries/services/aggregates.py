"""The stored answers of a release: two texts a role, computed in a handful of statements for all roles."""

from __future__ import annotations

from django.db import connections

from salaries.api.encoding import json_text
from salaries.models import SalaryRoleAggregate
from salaries.selectors.insights import insights_payload, locations_by_role, quartiles_by_role, rankings
from salaries.selectors.releases import Release
from salaries.selectors.rows import FILTERS, whole_release
from salaries.selectors.summary import summary_buckets, summary_payload

_BATCH = 500
# The planner knows nothing yet of rows that this transaction wrote, expects few, and would sort all of them for each
# grouping; hashing them takes half the time. The default work_mem of 4 MB would spill every hash table to disk.
_PLANNING = "SET LOCAL work_mem = '256MB'; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"


def rebuild_aggregates(*, release: Release) -> int:
    """Replace the stored answers of `release`; return how many roles they cover. Call it inside a transaction."""
    connection = connections[release.using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_PLANNING)
    condition = whole_release(release)
    buckets = summary_buckets(release=release, condition=condition)
    quartiles = quartiles_by_role(release=release, condition=condition)
    locations = locations_by_role(release=release, condition=condition)
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
        )
        for role in sorted(buckets)
    )
    manager = SalaryRoleAggregate.objects.using(release.using)
    manager.filter(release_id=release.id).delete()
    return len(manager.bulk_create(rows, batch_size=_BATCH))
