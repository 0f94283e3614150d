"""What was deployed: one numbered record per release, in the artifact bucket, newest also under `current`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from opsctl.config import naming

if TYPE_CHECKING:
    from opsctl.aws.ecr import Ecr
    from opsctl.aws.s3 import S3
    from opsctl.deploy.plan import ImagePlan


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


def current(store: S3, bucket: str, environment: str) -> Release | None:
    """The newest release's record; None before the first one, or when it can't be read."""
    stored = store.get(bucket, naming.release_key(environment))
    if stored is None:
        return None
    try:
        return Release(**json.loads(stored.body))
    except (ValueError, TypeError):
        return None


class Releases:
    """The releases of an environment, for a deploy that holds its lock: nobody else writes one meanwhile.

    `last` is the newest, `number` that of the one which is being made.
    """

    def __init__(self, s3: S3, ecr: Ecr, bucket: str, environment: str) -> None:
        self._s3 = s3
        self._ecr = ecr
        self._bucket = bucket
        self._environment = environment
        self.last = current(s3, bucket, environment)
        self.number = self.last.number + 1 if self.last else 1

    def tag(self, plan: ImagePlan, digest: str) -> None:
        """Tag the image after the release before anything runs it, so that the lifecycle policy keeps it.

        A deploy that failed after this point left its tag, which can't be moved: the next number is free then.
        """
        while known := self._ecr.digest(plan.repository, self._tag, registry=plan.account):
            if known == digest:
                return
            self.number += 1
        self._ecr.add_tag(plan.repository, digest, self._tag, registry=plan.account)

    @property
    def _tag(self) -> str:
        return f"{self._environment}-r{self.number}"

    def applied(self, database: str) -> set[str]:
        """Migrations that earlier releases brought to this database; none of one that was made again since."""
        return set(self.last.migrations.split()) if self.last is not None and self.last.database == database else set()

    def record(self, release: Release) -> None:
        """Write the numbered record first, so that `current` never names one that is not there."""
        body = json.dumps(asdict(release), indent=1, sort_keys=True).encode()
        for record in (f"{release.number:06}", "current"):
            self._s3.put(self._bucket, naming.release_key(self._environment, record), body)
