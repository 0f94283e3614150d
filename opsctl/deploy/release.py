"""What was deployed: one numbered record per release, in the artifact bucket, newest also under `current`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Protocol

from opsctl.aws.s3 import StoredObject


class Store(Protocol):
    """What records need of S3."""

    def get(self, bucket: str, key: str) -> StoredObject | None: ...
    def put(self, bucket: str, key: str, body: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Release:
    """One successful deploy. `stacks` are the templates' digests; `migrations` are the ids of what was applied to
    `database` until then, which is another one once it was made again or restored. `seconds` is how long AWS took to
    make resources of this environment, by type.
    """

    number: int
    environment: str
    run_id: str
    at: str
    by: str
    image: str = ""
    tag: str = ""
    digest: str = ""
    commit: str = ""
    migrations: str = ""
    database: str = ""
    stacks: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def current(store: Store, bucket: str, environment: str) -> Release | None:
    """The newest release's record; None before the first one, or when it can't be read."""
    stored = store.get(bucket, f"releases/{environment}/current.json")
    if stored is None:
        return None
    try:
        return Release(**json.loads(stored.body))
    except (ValueError, TypeError):
        return None


def record(store: Store, bucket: str, release: Release) -> None:
    """Write the numbered record first, so that `current` never names one that is not there."""
    body = json.dumps(asdict(release), indent=1, sort_keys=True).encode()
    store.put(bucket, f"releases/{release.environment}/{release.number:06}.json", body)
    store.put(bucket, f"releases/{release.environment}/current.json", body)
