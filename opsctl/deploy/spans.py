"""In which spans of time tasks were started with a release's image: a log stream says when it was made, and of no
image.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opsctl.deploy.release import Release, kept, numbered
from opsctl.errors import UsageError

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3
    from opsctl.config.models import Environment


@dataclass(frozen=True, slots=True)
class Span:
    """From the beginning of a deploy to that of the next, in milliseconds since 1970; `end` is None for the newest."""

    begin: int
    end: int | None

    def holds(self, moment: int) -> bool:
        """Whether tasks that began then were started for this deploy, or later in place of such."""
        return self.begin <= moment and (self.end is None or moment < self.end)


def spans(store: S3, bucket: str, env: Environment, number: int) -> tuple[str, list[Span]]:
    """The digest of a release's image, and when it was what tasks were started with: other releases may have run it.

    Raises UsageError for a release that there is not.
    """
    records = {each.number: each for each in kept(store, bucket, env)}
    for older in (number, number + 1):
        if older not in records and (found := numbered(store, bucket, env, older)) is not None:
            records[older] = found
    if number not in records:
        newest = f"The newest is {max(records)}." if records else "Nothing is released yet: run `opsctl deploy`."
        raise UsageError(f"{env.name} has no release {number}.", code="unknown-release", hint=newest)
    ordered = [records[each] for each in sorted(records)]
    digest = records[number].digest
    ends: list[int | None] = [*(_began(each) for each in ordered[1:]), None]
    return digest, [Span(_began(each), end) for each, end in zip(ordered, ends, strict=True) if each.digest == digest]


def _began(release: Release) -> int:
    """When its deploy began, as the run's id says; where that id holds no time, when it ended."""
    try:
        moment = datetime.strptime(release.run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        moment = datetime.fromisoformat(release.at)
    return round(moment.timestamp() * 1000)
