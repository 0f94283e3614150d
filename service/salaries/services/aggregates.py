"""The stored answers of a release: two texts a role, computed in a handful of statements for all roles."""

from __future__ import annotations

from django.db import connections

from salaries.api.encoding import json_text
from salaries.models import SalaryRoleAggregate
from salaries.selectors.insights import insights_payload, quartiles_by_role, ranked_by_role
from salaries.selectors.releases import Release
from salaries.selectors.rows import FILTERS, whole_release
from salaries.selectors.summary import summary_buckets, summary_payload

_BATCH = 500


def rebuild_aggregates(*, release: Release) -> int:
    """Replace the stored answers of `release`; return how many roles they cover. Call it inside a transaction."""
    connection = connections[release.using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # The default of 4 MB would spill each of these groupings to disk.
            cursor.execute("SET LOCAL work_mem = '256MB'")
    condition = whole_release(release)
    buckets = summary_buckets(release=release, condition=condition)
    quartiles = quartiles_by_role(release=release, condition=condition)
    ranked = ranked_by_role(release=release, condition=condition)
    no_filters: dict[str, str | None] = dict.fromkeys(FILTERS)
    rows = (
        SalaryRoleAggregate(
            release_id=release.id,
            role=role,
            summary=json_text(summary_payload(role=role, filters=no_filters, buckets=buckets[role])),
            insights=json_text(
                insights_payload(
                    role=role, filters=no_filters, quartiles=quartiles.get(role, ()), ranked=ranked.get(role, ())
                )
            ),
        )
        for role in sorted(buckets)
    )
    manager = SalaryRoleAggregate.objects.using(release.using)
    manager.filter(release_id=release.id).delete()
    return len(manager.bulk_create(rows, batch_size=_BATCH))
