"""What all rows of a role have in common: a filter for it leaves nothing out, so the stored answer is its answer.

Kept among the facets, by role. A release without them, loaded by an older version, is answered from its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from django.db import connections

from salaries.models import SalaryFacet
from salaries.selectors.releases import Release
from salaries.selectors.rows import FILTERS, folded, shared
from salaries.stats import Bucket, Ranked

# Buckets of a summary, by what they are grouped by besides currency and source -> the filter they count values of.
_COUNTED = {"levels": "level", "states": "state", "work_models": "work_model"}
_COUNTRIES = """
SELECT role, country, COUNT(*) FROM salaries_salaryobservation WHERE release_id = %s GROUP BY role, country
"""
Count = tuple[str, str, str, int]


def shared_values_rebuild(*, release: Release, buckets: Iterable[Bucket], locations: Iterable[Ranked]) -> None:
    """Replace the shared values of `release`; `buckets` and `locations` are those of all its rows."""
    manager = SalaryFacet.objects.using(release.using)
    manager.filter(release_id=release.id, field__in=[shared(name) for name in FILTERS]).delete()
    counts = [*_bucket_counts(buckets), *_location_counts(locations), *_country_counts(release)]
    facets = (
        SalaryFacet(release_id=release.id, field=shared(name), value=role, folded=fold)
        for role, name, fold in _shared(counts)
    )
    manager.bulk_create(facets, batch_size=2000)


def _shared(counts: Iterable[Count]) -> Iterator[tuple[str, str, str]]:
    """Yield role, filter and folded value where the value's rows are all of the role's, which the filter '' counts."""
    sums: Counter[tuple[str, str, str]] = Counter()
    folds: dict[tuple[str, str], str] = {}
    for role, name, value, count in counts:
        if (name, value) not in folds:
            folds[name, value] = folded(name, value)
        sums[role, name, folds[name, value]] += count
    for (role, name, fold), count in sums.items():
        if name and fold and count == sums[role, "", ""]:
            yield role, name, fold


def _bucket_counts(buckets: Iterable[Bucket]) -> Iterator[Count]:
    for bucket in buckets:
        if bucket.kind:
            yield bucket.role, _COUNTED[bucket.kind], bucket.value, bucket.count
        else:
            yield bucket.role, "", "", bucket.count
            yield bucket.role, "currency", bucket.currency, bucket.count


def _location_counts(locations: Iterable[Ranked]) -> Iterator[Count]:
    for row in locations:
        yield row.role, "location", row.value, row.count


def _country_counts(release: Release) -> Iterator[Count]:
    with connections[release.using].cursor() as cursor:
        cursor.execute(_COUNTRIES, [release.id])
        for role, country, count in cursor.fetchall():
            yield role, "country", country, count
