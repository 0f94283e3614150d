"""What was released, by whom, and whether one can go back to it; and what of it is an auditor's question."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import AwsError
from opsctl.config.naming import artifact_folder, release_key
from opsctl.deploy.image import place_of
from opsctl.deploy.release import Release, Tried, kept, tried
from opsctl.deploy.rollback import added, obstacles, running
from opsctl.operate import known_releases
from opsctl.operate.deployed import require_outputs, state_of

if TYPE_CHECKING:
    from pathlib import Path

    from opsctl.deploy.planning.state import RemoteState
    from opsctl.deploy.release import RecordStore
    from opsctl.operate.target import Target


@dataclass(frozen=True, slots=True)
class Listed:
    """A release as `opsctl releases` shows it. `how` is `deploy` or `rollback to N`; `why_not` is empty where one can
    go back to it, `accept` names the migrations that `--accept-migration` takes for it; `image_only`: its application
    block was not recorded.
    """

    number: int
    at: str
    by: str
    tag: str
    commit: str
    digest: str
    runs: bool
    how: str
    migrations: tuple[str, ...]
    rollback: bool
    why_not: str = ""
    accept: tuple[str, ...] = ()
    image_only: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Audited:
    """Who changed what: a release, or a run of this machine that ended without one (`outcome` says how).

    `stacks` has for each that changed what was done and the names of parameters that got another value.
    """

    run_id: str
    at: str
    by: str
    outcome: str
    release: int | None = None
    command: str = ""
    commit: str = ""
    image: str = ""
    rolled_back_to: int | None = None
    stacks: dict[str, dict[str, Any]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def list_releases(target: Target, limit: int) -> list[Listed]:
    """The newest releases first; of a local target that does not run, from its records, where none of them runs.

    Raises AwsError, and OpsctlError where nothing was deployed.
    """
    store, bucket, state = _place(target)
    records = list(kept(store, bucket, target.env))
    if state is not None:  # what was kept is known here already, and nothing is written by who only looks at it
        _remember(target, records)
    if not records:
        return []
    runs = running(records, state.parameter("app", "ImageUri")) if state is not None else None
    there = _images(target, records, stopped=state is None)
    attempt = tried(store, bucket, target.env)
    older = {each.number: earlier for each, earlier in zip(records, [*records[1:], None], strict=True)}
    return [
        _listed(
            each,
            older[each.number],
            records[0],
            attempt,
            runs=each is runs,
            there=each.digest in there,
            repository=target.env.ecs.repository_name,
        )
        for each in records[:limit]
    ]


def _remember(target: Target, records: list[Release]) -> None:
    """Let shells complete them."""
    seen = (known_releases.Known(each.number, each.at, each.tag) for each in records)
    known_releases.remember(target.workspace.root, target.env.name, seen, local=target.is_local)


def recorded_digests(target: Target) -> set[str]:
    """Images of the kept releases of all environments on this machine, as they share what is kept here."""
    from opsctl.local.kept import KeptObjects

    objects = KeptObjects(target.local.state)
    found: set[str] = set()
    for env in target.workspace.configuration.environments.values():
        bucket = objects.bucket_with(release_key(artifact_folder(env))) if env.target == "local" else None
        if bucket is not None:
            found.update(each.digest for each in kept(objects, bucket, env))
    return found


def _place(target: Target) -> tuple[RecordStore, str, RemoteState | None]:
    """Where the records lie, and what is deployed: None where a local target that does not run kept them."""
    if target.reads_only and target.is_stopped:
        from opsctl.local.kept import KeptObjects

        objects = KeptObjects(target.local.state)
        if (found := objects.bucket_with(release_key(artifact_folder(target.env)))) is not None:
            return objects, found, None
    state = state_of(target)  # where nothing was kept, it says that the target does not run
    bucket = require_outputs(target, state, "bootstrap", "ArtifactBucketName")["ArtifactBucketName"]
    return target.aws.s3, bucket, state


def _listed(
    each: Release,
    before: Release | None,
    last: Release,
    attempt: Tried | None,
    *,
    runs: bool,
    there: bool,
    repository: str,
) -> Listed:
    found = obstacles(each, last, attempt)
    why = "it runs" if runs else ""
    if not runs and not there:
        why = "its image is gone"
    if not runs and (place := place_of(each.image)) is not None and place[1] != repository:
        why = f"its image is in the repository {place[1]}, and {repository} is the environment's"
    elif not runs and there and found:
        why = "; ".join(obstacle.sentence() for obstacle in found)
    return Listed(
        number=each.number,
        at=each.at,
        by=each.by,
        tag=each.tag,
        commit=each.commit,
        digest=each.digest,
        runs=runs,
        how=f"rollback to {each.rolled_back_to}" if each.rolled_back_to else "deploy",
        migrations=tuple(migration.name for migration in added(each, before)) if before is not None else (),
        rollback=not why,
        why_not=why,
        accept=tuple(obstacle.name for obstacle in found) if there and not runs else (),
        image_only=each.application is None,
    )


def _images(target: Target, records: list[Release], *, stopped: bool) -> set[str]:
    """Digests that the registry, or this machine, still has."""
    # Of a target that does not run nobody can ask the registry.
    found = {each.digest for each in records} if stopped else _in_registry(target, records)
    if target.is_local and target.local.runtime == "processes":
        from opsctl.local.tasks.images import is_kept

        found = {each for each in found if is_kept(target.local.state, each)}
    return found


def _in_registry(target: Target, records: list[Release]) -> set[str]:
    # Not wherever a record says: it is what somebody wrote into the bucket.
    repository, owner = target.env.ecs.repository_name, target.repository_account
    if not any((place := place_of(each.image)) is not None and place[1] == repository for each in records):
        return set()
    try:
        return {image.digest for image in target.aws.ecr.images(repository, registry=owner)}
    except AwsError as error:
        if error.aws_code != "RepositoryNotFoundException":
            raise
        return set()


def audit(target: Target, limit: int) -> list[Audited]:
    """Releases, and runs of this machine that ended without one, newest first."""
    store, bucket, _ = _place(target)
    records = list(kept(store, bucket, target.env))
    released = [
        Audited(
            each.run_id, each.at, each.by, f"release {each.number}", each.number, each.command, each.commit, each.image,
            each.rolled_back_to, each.changes,
        )
        for each in records
    ]  # fmt: skip
    folder = target.workspace.root / ".opsctl" / "journal" / target.env.name
    known = {each.run_id for each in records}
    failed = [run for path in sorted(folder.glob("*.ndjson")) if path.stem not in known and (run := _unreleased(path))]
    return sorted([*released, *failed], key=lambda each: each.run_id, reverse=True)[:limit]


def _unreleased(journal: Path) -> Audited | None:
    """A run that a journal tells of and no record; None where nothing went wrong: it had no release to write."""
    events = []
    try:
        lines = journal.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return None
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # it ended while it wrote
        if isinstance(event, dict):
            events.append(event)
    ended = [each for each in events if each.get("type") == "step-finished"]
    wrong = [each for each in ended if each.get("outcome") in {"failed", "detached"}]
    begun = {each.get("step") for each in events if each.get("type") == "step-started"}
    open_steps = sorted(str(each) for each in begun - {each.get("step") for each in ended})
    if not wrong and not open_steps:
        return None
    outcome = (
        "; ".join(f"{each.get('step')} {each.get('outcome')}: {each.get('text')}" for each in wrong)
        or f"ended during {', '.join(open_steps)}"
    )
    changed = {
        str(each.get("step")): {"action": str(each.get("text")), "parameters": []}
        for each in ended
        if each.get("outcome") in {"done", "rolled-back"}
    }
    return Audited(journal.stem, str(events[0].get("time", "")), "this machine", outcome, stacks=changed)
