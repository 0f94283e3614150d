"""The way back to an earlier release: which one is meant, and whether what runs on its database meanwhile allows it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.deploy.release import Release, Tried, release_number, tried
from opsctl.errors import BusyError, OpsctlError, UsageError
from opsctl.migrations.verdict import PACKAGES, Migration, in_the_way, printable

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3
    from opsctl.config.models import Environment

_SHORTEST_COMMIT = 7


class RollbackRefusedError(OpsctlError):
    """What the database has become since is more than the release to go back to can live with."""

    code = "rollback-refused"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A migration since a release that it may not live with; `sure`: it can't. `name` is what `--accept-migration`
    takes.
    """

    name: str
    why: str
    sure: bool = False

    def sentence(self) -> str:
        """`notes.0002_text removes Note.text, which the release before still reads`."""
        return printable(f"{self.name} {self.why}")


@dataclass(frozen=True)
class Rollback:
    """Back to the release `to`, decided when `seen` was the newest one; `accepted` are migrations that are no obstacle
    for whoever asked.
    """

    to: Release
    seen: int
    accepted: frozenset[str] = frozenset()

    def ensure(self, store: S3, bucket: str, env: Environment, last: Release | None) -> None:
        """Under the lock: raise unless everything is as it was when somebody agreed to go back."""
        if last is None or last.number != self.seen:
            raise BusyError(
                f"Release {last.number if last else '?'} was deployed meanwhile, so nothing was rolled back.",
                code="changed-meanwhile",
                hint=f"Look at `opsctl releases --env {self.to.environment}`, then decide again.",
            )
        refuse(self.to, last, tried(store, bucket, env), self.accepted)


def refuse(to: Release, last: Release, attempt: Tried | None, accepted: Collection[str]) -> None:
    """Raise RollbackRefusedError where a migration that nobody accepted stands in the way."""
    found = [each for each in obstacles(to, last, attempt) if each.name not in accepted]
    if not found:
        return
    found.sort(key=lambda each: not each.sure)
    said = f"Release {to.number} can't live with what the database has become since"
    if not found[0].sure:
        said = f"Whether release {to.number} can live with what the database has become since is not known"
    flags = " ".join(f"--accept-migration {each.name}" for each in found[:3])
    more = "" if len(found) <= 3 else f" and {len(found) - 3} more"
    raise RollbackRefusedError(
        f"{said}: {found[0].sentence()}.",
        detail=tuple(f"{each.sentence()}." for each in found[1:]),
        hint="Mend it forward: deploy a release that works with this schema, or restore the database to a time before. "
        f"If you know that the old code does without: {flags}{more}",
    )


def obstacles(to: Release, last: Release, attempt: Tried | None = None) -> list[Obstacle]:
    """Migrations that the database has, or may have since a deploy that failed, and that `to` may not live with.

    A model that was made since is none of its business, whatever happened to it.
    """
    known = {each.id: each for each in last.verdicts or ()}
    same = last.digest == to.digest  # what runs lives with what its own deploy found
    there = set() if same else set(last.migrations.split())
    applied = set(there)
    blind = last.verdicts is None and not last.migrations and not same
    damaged = attempt is not None and not attempt.readable
    if attempt is not None and attempt.after == last.number and attempt.database == last.database:
        known |= {each.id: each for each in attempt.verdicts or ()}
        there |= set(attempt.migrations.split())
        blind |= attempt.verdicts is None and not attempt.migrations
    unknown = sorted(there - set(to.migrations.split()) - set(known))
    found = []
    for each in since((known[each] for each in there if each in known), to):
        why = "; ".join(one.what for one in each.findings)
        if each.id in applied:
            found.append(Obstacle(each.name, why, sure=each.verdict == "breaking"))
        else:
            found.append(Obstacle(each.name, f"{why}, if the deploy that failed since has applied it"))
    for name in unknown:
        came = "came since" if name in applied else "came with a deploy that failed since"
        found.append(Obstacle(name, f"{came}, and no opsctl noted what it does"))
    if damaged:
        found.append(Obstacle("migrating", "notes what a deploy that failed may have applied, and can't be read"))
    if blind:
        found.append(Obstacle(f"release-{last.number}", "has an image that does not tell which migrations it brings"))
    return list(dict.fromkeys(found))  # one that was edited from deploy to deploy is told once


def since(migrations: Iterable[Migration], release: Release) -> list[Migration]:
    """Those that a release did not have and may not live with, each with the findings that say why."""
    return in_the_way(migrations, release.migrations.split(), [each.name for each in release.verdicts or ()])


def added(release: Release, before: Release | None) -> tuple[Migration, ...]:
    """Migrations that a release brought, as far as records tell."""
    had = set(before.migrations.split()) if before is not None else set()
    names = {PACKAGES, *(each.name for each in (before.verdicts or ()))} if before is not None else {PACKAGES}
    new = set(release.migrations.split()) - had
    return tuple(each for each in release.verdicts or () if each.id in new and each.name not in names)


def running(records: Iterable[Release], uri: str | None) -> Release | None:
    """The newest release that ran the image which the service runs; None where no record tells."""
    return next((each for each in records if each.image == uri), None) if uri else None


def before(records: Sequence[Release], runs: Release) -> Release:
    """The newest earlier release with another image or application block than the one that runs; `records` are newest
    first. After a rollback, earlier means before the release that was brought back, so that it never leads to the one
    that was rolled back from. Raises UsageError where there is none.
    """
    brought_back = {each.number: each.rolled_back_to for each in records}
    place = runs.number
    others = [each for each in records if (each.digest, each.application) != (runs.digest, runs.application)]
    while (origin := brought_back.get(place)) is not None and origin < place:
        place = origin
    for each in others:
        if each.number < place:
            return each
    hint = f"`opsctl releases --env {runs.environment}` shows those that there are."
    if others and place != runs.number:
        forward = f"`opsctl rollback {others[0].number} --env {runs.environment}`"
        hint = f"{forward} goes to the one that was rolled back from; {hint}"
    raise UsageError(f"There is no record of a release before {place}, which runs.", code="no-such-release", hint=hint)


def named(records: Sequence[Release], wanted: str, environment: str) -> Release:
    """The release that a person means: its number, its tag in the registry, its image's tag, or its commit.

    Of several with one tag or commit the newest. Raises UsageError for none, or for the beginning of several commits.
    """
    number = int(wanted) if re.fullmatch(r"[1-9]\d{0,8}", wanted) else release_number(wanted, environment)
    if number is not None and (found := [each for each in records if each.number == number]):
        return found[0]
    if tagged := [each for each in records if each.tag == wanted]:
        return tagged[0]
    begins = [each for each in records if len(wanted) >= _SHORTEST_COMMIT and each.commit.startswith(wanted)]
    commits = {each.commit for each in begins}
    if len(commits) == 1:
        return begins[0]
    if commits:
        raise UsageError(f"`{wanted}` is the beginning of several commits: {', '.join(sorted(commits))}.")
    raise UsageError(
        f"{environment} has no record of a release `{wanted}` among its last {len(records)}.",
        code="no-such-release",
        hint=f"`opsctl releases --env {environment}` shows number, tag and commit of each.",
    )
