"""What was deployed: one numbered record per release, in the artifact bucket, newest also under `current`.

Records say what a release ran. Its tag in the registry, `ENV-rNUMBER`, only keeps the image: ECR lets whoever may push
write any tag (PutImage has no condition for it), so a tag decides nothing. [aws/containers-roadmap#2749]
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol

from opsctl.aws.tags import with_digest
from opsctl.config.naming import artifact_folder, release_key, signature_tag
from opsctl.deploy.record_fields import is_sound
from opsctl.errors import ExitCode, OpsctlError, UsageError
from opsctl.migrations.verdict import Migration, from_list

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Stack
    from opsctl.aws.ecr import Ecr
    from opsctl.aws.s3 import S3, StoredObject
    from opsctl.config.application import Application
    from opsctl.config.models import Environment
    from opsctl.deploy.planning.plan import ImagePlan

KEPT_RELEASES = 30
"""Releases whose images stay, newest first."""


class RecordStore(Protocol):
    """Where records are read: S3, or what the local target kept of it."""

    def get(self, bucket: str, key: str) -> StoredObject | None: ...

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True)
class Release:
    """One successful deploy. `stacks` are the templates' digests; `migrations` are the ids of what was applied to
    `database` until then, which is another one once it was made again or restored. `seconds` is how long AWS took to
    make resources of this environment, by type.

    `verdicts` say of those migrations which an older release can live with; None where nobody noted which there are.
    `application` is the block that was deployed, as JSON: names and placeholders, no secret's value; None in records of
    an earlier opsctl. `rolled_back_to` is the release that this one brought back, `command` what was typed, `changes`
    what was done to each stack, with the names of parameters that got another value.
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
    verdicts: tuple[Migration, ...] | None = None
    application: dict[str, Any] | None = None
    rolled_back_to: int | None = None
    command: str = ""
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As it is recorded."""
        verdicts = None if self.verdicts is None else [each.to_dict() for each in self.verdicts]
        return {**asdict(self), "verdicts": verdicts}

    def summary(self) -> dict[str, Any]:
        """Without what is long: what a person asks of the release that runs."""
        long = {"verdicts", "application", "changes", "seconds"}
        return {name: value for name, value in asdict(self).items() if name not in long}


@dataclass(frozen=True, slots=True)
class Tried:
    """Migrations that a deploy was about to apply when `after` was the newest release: it may have ended in between,
    with some of them done. `readable` is False of a note that can't be read: it may be of any.
    """

    after: int
    database: str
    migrations: str
    verdicts: tuple[Migration, ...] | None = None
    readable: bool = True


_TRIED, _COMPARED = "migrating", "compared"


def database_mark(stack: Stack | None, application: Application) -> str:
    """Identifies the database by its stack's id and its own, one of which changes when it is made again, and by how the
    project is told of it: with other settings it may have migrated another database, such as a file.
    """
    if stack is None:
        return ""
    told = {name: text for name, text in application.variables(application.release).items() if "${database." in text}
    way = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
    return f"{stack.id} {stack.outputs.get('DatabaseResourceId', '')} {way}"


def current(store: RecordStore, bucket: str, env: Environment) -> Release | None:
    """The newest release's record; None before the first one, or when it can't be read."""
    found = _read(store, bucket, release_key(artifact_folder(env)))
    # Without it, or with a damaged one, the next deploy would begin at 1 and write over what is recorded.
    each = (numbered(store, bucket, env, number) for number in (() if found else _recorded(store, bucket, env)))
    return found or next((one for one in each if one is not None), None) or next(_earlier(store, bucket, env), None)


def _recorded(store: RecordStore, bucket: str, env: Environment) -> list[int]:
    """Numbers of the releases that a record lies there of, readable or not, newest first."""
    folder = release_key(artifact_folder(env), "")
    keys = store.sizes(bucket, folder.removesuffix(".json"))
    return sorted((int(found[1]) for key in keys if (found := re.search(r"/(\d{6,})\.json$", key))), reverse=True)


def numbered(store: RecordStore, bucket: str, env: Environment, number: int) -> Release | None:
    """The record of one release; None where there is none that can be read."""
    record = f"{number:06}"
    found = _read(store, bucket, release_key(artifact_folder(env), record))
    return found or _of_project(_read(store, bucket, release_key(env.name, record)), env)


def kept(store: RecordStore, bucket: str, env: Environment) -> Iterator[Release]:
    """The releases whose images stay, newest first."""
    last = current(store, bucket, env)
    for number in _newest(last):
        found = numbered(store, bucket, env, number)
        if found is not None:
            yield found


def _newest(last: Release | None) -> range:
    """Numbers of the releases that are kept, the last one first."""
    newest = last.number if last is not None else 0
    return range(newest, max(newest - KEPT_RELEASES, 0), -1)


def _earlier(store: RecordStore, bucket: str, env: Environment) -> Iterator[Release]:
    """Releases of this project that an earlier opsctl recorded under the environment's name alone, newest first."""
    last = _read(store, bucket, release_key(env.name))
    for number in _newest(last):
        found = _of_project(_read(store, bucket, release_key(env.name, f"{number:06}")), env)
        if found is not None:
            yield found


def _of_project(found: Release | None, env: Environment) -> Release | None:
    """The record, if its image is from this project's repository: every project with an environment of this name wrote
    there.
    """
    repository = found.image.partition("@")[0].partition("/")[2] if found is not None else ""
    return found if repository == env.ecs.repository_name else None


def tried(store: RecordStore, bucket: str, env: Environment) -> Tried | None:
    """What the last deploy that got as far as its migrations was about to apply."""
    stored = store.get(bucket, release_key(artifact_folder(env), _TRIED))
    if stored is None:
        return None
    try:
        values = json.loads(stored.body)
        noted = values["verdicts"]
        verdicts = None if noted is None else from_list(noted)
        return Tried(int(values["after"]), str(values["database"]), str(values["migrations"]), verdicts)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Tried(0, "", "", readable=False)


def compared(store: RecordStore, bucket: str, env: Environment) -> dict[str, str]:
    """Stacks that had gone back from a change when a deploy which made no release found them as it wanted them, each
    with when it was updated last (ISO 8601, UTC, in seconds); empty where none is noted, or the note can't be read.
    """
    stored = store.get(bucket, release_key(artifact_folder(env), _COMPARED))
    try:
        noted = json.loads(stored.body) if stored is not None else {}
        return {str(name): str(updated) for name, updated in noted.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}


def note_compared(s3: S3, bucket: str, env: Environment, found: Mapping[str, Stack]) -> None:
    """Note such stacks, by short name, beside those that other deploys found. Raises AwsError."""
    known = compared(s3, bucket, env)
    times = {name: stack.updated for name, stack in found.items()}
    new = {name: each.astimezone(UTC).isoformat(timespec="seconds") for name, each in times.items() if each is not None}
    if new.items() - known.items():
        body = json.dumps({**known, **new}, sort_keys=True).encode()
        s3.put(bucket, release_key(artifact_folder(env), _COMPARED), body)


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


def joined(new: tuple[Migration, ...] | None, old: tuple[Migration, ...] | None) -> tuple[Migration, ...] | None:
    """What is known of both; None where nothing is of either."""
    if new is None:
        return old
    known = {each.id for each in new}
    return (*new, *(each for each in old or () if each.id not in known))


def _read(store: RecordStore, bucket: str, key: str) -> Release | None:
    stored = store.get(bucket, key)
    if stored is None:
        return None
    try:
        values = json.loads(stored.body)
        noted = values.get("verdicts")
        # A newer opsctl may note more, which this one has no use for.
        known = {name: value for name, value in values.items() if name in Release.__dataclass_fields__}
        if not is_sound(known):
            return None
        return Release(**{**known, "verdicts": None if noted is None else from_list(noted)})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


class Releases:
    """The releases of an environment, for a deploy that holds its lock: nobody else writes one meanwhile.

    `last` is the newest, `number` that of the one which is being made.
    """

    def __init__(self, s3: S3, ecr: Ecr, bucket: str, env: Environment) -> None:
        self._s3 = s3
        self._ecr = ecr
        self._bucket = bucket
        self._env = env
        self._environment = env.name
        self.last = current(s3, bucket, env)
        self.number = self.last.number + 1 if self.last else 1
        if _read(s3, bucket, release_key(artifact_folder(env))) is None:  # the newest record may be damaged as well
            self.number = max(self.number, *(number + 1 for number in _recorded(s3, bucket, env)), 1)

    def tag(self, plan: ImagePlan, digest: str) -> None:
        """Tag image and signature after the release before anything runs them, so that the lifecycle keeps both.

        A tag that somebody else took can't be moved: then the digest's beginning is part of it.
        """
        name = f"{self._environment}-r{self.number}"
        there = self._holds(plan, name)
        if there not in {None, digest}:
            name = with_digest(name, digest)
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
        ran = {each.digest for each in kept(self._s3, self._bucket, self._env)}
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

    def verdicts(self, database: str, own: tuple[Migration, ...] | None) -> tuple[Migration, ...] | None:
        """What is known of this database's migrations: an image's own, and those that releases brought before it."""
        before = self.last.verdicts if self.last is not None and self.last.database == database else None
        return joined(own, before)

    def migrating(self, database: str, migrations: str, verdicts: tuple[Migration, ...] | None) -> None:
        """Note what is about to be applied, before it is: a deploy that fails leaves no release, but its migrations."""
        last = self.last.number if self.last is not None else 0
        before = tried(self._s3, self._bucket, self._env)
        if before is not None and (before.after, before.database) == (last, database):  # of another that failed
            migrations = " ".join(sorted({*migrations.split(), *before.migrations.split()}))
            verdicts = joined(verdicts, before.verdicts)
        noted = None if verdicts is None else [each.to_dict() for each in verdicts]
        body = {"after": last, "database": database, "migrations": migrations, "verdicts": noted}
        self._s3.put(self._bucket, release_key(artifact_folder(self._env), _TRIED), json.dumps(body).encode())

    def record(self, release: Release) -> None:
        """Write the numbered record first, so that `current` never names one that is not there."""
        body = json.dumps(release.to_dict(), indent=1).encode()  # unsorted: the block's order is the template's
        for record in (f"{release.number:06}", "current"):
            self._s3.put(self._bucket, release_key(artifact_folder(self._env), record), body)
