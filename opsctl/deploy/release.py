"""What was deployed: one numbered record per release, in the artifact bucket, newest also under `current`.

Records say what a release ran. Its tag in the registry, `ENV-rNUMBER`, only keeps the image: ECR lets whoever may push
write any tag (PutImage has no condition for it), so a tag decides nothing. [aws/containers-roadmap#2749]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opsctl.config.naming import release_key, signature_tag
from opsctl.errors import ExitCode, OpsctlError, UsageError

if TYPE_CHECKING:
    from opsctl.aws.ecr import Ecr
    from opsctl.aws.s3 import S3
    from opsctl.deploy.planning.plan import ImagePlan

KEPT_RELEASES = 30
"""Releases whose images stay, newest first."""


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
    return _read(store, bucket, release_key(environment))


def numbered(store: S3, bucket: str, environment: str, number: int) -> Release | None:
    """The record of one release; None where there is none that can be read."""
    return _read(store, bucket, release_key(environment, f"{number:06}"))


def kept(store: S3, bucket: str, environment: str) -> Iterator[Release]:
    """The releases whose images stay, newest first."""
    last = current(store, bucket, environment)
    newest = last.number if last is not None else 0
    for number in range(newest, max(newest - KEPT_RELEASES, 0), -1):
        found = numbered(store, bucket, environment, number)
        if found is not None:
            yield found


@dataclass(frozen=True, slots=True)
class Span:
    """From the beginning of a deploy to that of the next, in milliseconds since 1970; `end` is None for the newest."""

    begin: int
    end: int | None

    def holds(self, moment: int) -> bool:
        """Whether tasks that began then were started for this deploy, or later in place of such."""
        return self.begin <= moment and (self.end is None or moment < self.end)


def spans(store: S3, bucket: str, environment: str, number: int) -> tuple[str, list[Span]]:
    """The digest of a release's image, and when it was what tasks were started with: other releases may have run it.

    Raises UsageError for a release that there is not.
    """
    records = {each.number: each for each in kept(store, bucket, environment)}
    for older in (number, number + 1):
        if older not in records and (found := numbered(store, bucket, environment, older)) is not None:
            records[older] = found
    if number not in records:
        newest = f"The newest is {max(records)}." if records else "Nothing is released yet: run `opsctl deploy`."
        raise UsageError(f"{environment} has no release {number}.", code="unknown-release", hint=newest)
    ordered = [records[each] for each in sorted(records)]
    digest = records[number].digest
    ends: list[int | None] = [*(_began(each) for each in ordered[1:]), None]
    return digest, [Span(_began(each), end) for each, end in zip(ordered, ends, strict=True) if each.digest == digest]


def _began(release: Release) -> int:
    """When its deploy began, by the name of the run; that it ended, `at`, says the record of one with another name."""
    try:
        moment = datetime.strptime(release.run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        moment = datetime.fromisoformat(release.at)
    return round(moment.timestamp() * 1000)


def release_number(tag: str, environment: str) -> int | None:
    """The release that a tag of this environment's releases names; None for any other tag."""
    found = re.fullmatch(rf"{re.escape(environment)}-r([1-9]\d*)(?:-[0-9a-f]{{12}})?(?:\.sig)?", tag)
    return int(found[1]) if found else None


def free_tag(tag: str, environments: Iterable[str]) -> str:
    """The tag to build or push under. Raises UsageError for one that only a deploy gives."""
    for environment in environments:
        if release_number(tag, environment) is not None:
            raise UsageError(
                f"`{tag}` is how a deploy of {environment} tags its releases, so nothing is built or pushed as it.",
                hint="Choose another tag, such as a version.",
            )
    return tag


def unkept_signature(ecr: Ecr, plan: ImagePlan, digest: str, environment: str) -> dict[str, str]:
    """The tags, with what they would name, that keep an image's signature beside it and that are missing."""
    listed = ecr.images(plan.repository, registry=plan.account)
    tags = {tag: image.digest for image in listed for tag in image.tags}
    signature = tags.get(signature_tag(digest))
    if signature is None:
        return {}
    ours = [tag for tag, named in tags.items() if named == digest and release_number(tag, environment) is not None]
    return {f"{tag}.sig": signature for tag in ours if f"{tag}.sig" not in tags}


def _read(store: S3, bucket: str, key: str) -> Release | None:
    stored = store.get(bucket, key)
    if stored is None:
        return None
    try:
        found = Release(**json.loads(stored.body))
    except (ValueError, TypeError):
        return None
    # Another environment's, too, is read: what is no number counts no releases.
    sound = type(found.number) is int and found.number > 0 and isinstance(found.digest, str)
    return found if sound else None


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
        """Tag image and signature after the release before anything runs them, so that the lifecycle keeps both.

        A tag that somebody else took can't be moved: then the digest's beginning is part of it.
        """
        name = f"{self._environment}-r{self.number}"
        there = self._holds(plan, name)
        if there not in {None, digest}:
            name = f"{name}-{digest[7:19]}"
            there = self._holds(plan, name)
        self._give(plan, name, digest, there)
        signature = self._holds(plan, signature_tag(digest))
        if signature is not None:
            self._give(plan, f"{name}.sig", signature, self._holds(plan, f"{name}.sig"))

    def keep_signature(self, plan: ImagePlan, digest: str) -> None:
        """Tag a signature that was made after the image was released, so that the lifecycle keeps it as well."""
        for tag, signature in unkept_signature(self._ecr, plan, digest, self._environment).items():
            self._ecr.add_tag(plan.repository, signature, tag, registry=plan.account)

    def _holds(self, plan: ImagePlan, tag: str) -> str | None:
        return self._ecr.digest(plan.repository, tag, registry=plan.account)

    def _give(self, plan: ImagePlan, tag: str, digest: str, there: str | None) -> None:
        if there is None:
            self._ecr.add_tag(plan.repository, digest, tag, registry=plan.account)
        elif there != digest:
            raise OpsctlError(
                f"{plan.repository}:{tag} is {there[:19]}, which no deploy of {self._environment} put there, so "
                f"nothing would keep {digest[:19]} from the lifecycle.",
                code="release-tag-taken",
                exit_code=ExitCode.AWS_REFUSED,
                hint="Find out who pushed it (CloudTrail, PutImage), remove the tag, and deploy again.",
            )

    def tidy(self, plan: ImagePlan) -> None:
        """Take release tags of this environment from all images that none of its newest releases ran.

        What has no tag left, or none of a release, is the lifecycle's to drop. Raises AwsError.
        """
        ran = {each.digest for each in kept(self._s3, self._bucket, self._environment)}
        ours = {
            tag: image.digest
            for image in self._ecr.images(plan.repository, registry=plan.account)
            for tag in image.tags
            if release_number(tag, self._environment) is not None
        }
        stay = {tag for tag, digest in ours.items() if digest in ran}
        gone = sorted(tag for tag in ours if tag.removesuffix(".sig") not in stay)
        self._ecr.remove_tags(plan.repository, gone, registry=plan.account)

    def applied(self, database: str) -> set[str]:
        """Migrations that earlier releases brought to this database; none of one that was made again since."""
        return set(self.last.migrations.split()) if self.last is not None and self.last.database == database else set()

    def record(self, release: Release) -> None:
        """Write the numbered record first, so that `current` never names one that is not there."""
        body = json.dumps(asdict(release), indent=1, sort_keys=True).encode()
        for record in (f"{release.number:06}", "current"):
            self._s3.put(self._bucket, release_key(self._environment, record), body)
