"""Going back to an earlier release: the application as it was then, on the infrastructure as it is configured now."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opsctl.config.application import Application
from opsctl.deploy.image import ImageMissingError
from opsctl.deploy.lease import live_lease
from opsctl.deploy.planning.situation import Request
from opsctl.deploy.planning.statuses import is_terminal
from opsctl.deploy.release import Release, current, kept, tried
from opsctl.deploy.rollback import Rollback, RollbackRefusedError, before, named, refuse, running
from opsctl.errors import BusyError, OpsctlError
from opsctl.operate.deployed import require_outputs, state_of
from opsctl.operate.target import RELEASED_STACKS, Target, first_problem

if TYPE_CHECKING:
    from opsctl.config.models import Environment
    from opsctl.deploy.planning.state import RemoteState

# Of the web: where visitors come to. It belongs to the address, not to the release behind it.
_ADDRESS = ("domains", "redirect", "hosted_zone_id", "hosted_zone_name", "certificate_arn", "allow")
# Of the web: how the load balancer reaches a task, which is as the release's code listens.
_REACHED = ("port", "health", "timeout", "drain")
_PARTS = ("buckets", "workers", "jobs", "secrets")


@dataclass(frozen=True)
class Prepared:
    """A rollback that may be carried out: with `target` for an ordinary deploy of `request`. `number` is the
    release to go back to, `notes` are for a person, `question` is what to ask one.
    """

    target: Target
    request: Request
    number: int
    question: str
    notes: tuple[str, ...]


def prepare(
    target: Target, wanted: str | None, accepted: Collection[str] = (), *, timeout_minutes: int = 60
) -> Prepared:
    """Find the release and check that one can go back to it. Reads only.

    Raises BusyError while a deploy runs, UsageError for an unknown release, RollbackRefusedError for one that can't
    live with today's database, ImageMissingError.
    """
    state = state_of(target)
    store, env = target.aws.s3, target.env
    bucket = require_outputs(target, state, "bootstrap", "ArtifactBucketName")["ArtifactBucketName"]
    _refuse_while_busy(target, bucket)
    records = list(kept(store, bucket, env))
    if not records:
        raise OpsctlError(
            f"{env.name} has no release that is recorded.",
            code="no-such-release",
            hint=f"`opsctl deploy --env {env.name}` makes the first one.",
        )
    last = current(store, bucket, env) or records[0]
    runs = running(records, _served(state))
    if not state.stacks.keys() & set(RELEASED_STACKS):
        raise OpsctlError(
            f"Nothing of the application of {env.name} is deployed, so there is nothing to roll back.",
            code="not-deployed",
            hint=f"`opsctl deploy --env {env.name}` deploys this checkout, `--image-tag TAG` what a release ran; "
            f"`opsctl releases --env {env.name}` shows their tags.",
        )
    # A rollback that was finished has a record of its own, which is the newest then.
    unfinished = runs is not None and runs.number < last.number
    to = named(records, wanted, env.name) if wanted else _unnamed(records, runs, last)
    refuse(to, last, tried(store, bucket, env), accepted)
    _refuse_lost_snapshot(target, to)
    block, notes = recorded_block(to)
    rolled = _with_block(target, block) if block is not None else target
    request = Request(
        stacks=(*RELEASED_STACKS, *_supporting_changes(target, rolled)),
        timeout_minutes=timeout_minutes,
        rollback=Rollback(to, last.number, frozenset(accepted)),
    )
    since = f"release {runs.number}" if runs is not None else "a deploy that no release came of"
    if unfinished and to is runs:
        since = f"release {last.number}, as an interrupted rollback began,"
    which = f"release {to.number} ({to.tag}, of {_told(to.at)} by {to.by})"
    question = f"Roll {env.name} back from {since} to {which}?"
    if to is runs and not unfinished:
        question = f"{env.name} runs {which} already. Bring back all that it was deployed with?"
    told = (*notes, "Secrets keep today's values: what they were is not recorded.")
    return Prepared(rolled, request, to.number, question, told)


def _unnamed(records: Sequence[Release], runs: Release | None, last: Release) -> Release:
    """The release that is meant where none is named: the one before what runs; the one that runs where a rollback to
    it was interrupted, so that the same command finishes it; the newest where nobody recorded what runs.
    """
    if runs is None:
        return last
    return runs if runs.number < last.number else before(records, runs)


def _told(at: str) -> str:
    """`2026-11-30 12:33 UTC` of a record's time; what else somebody wrote there as it is."""
    try:
        return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError):
        return at


def _refuse_while_busy(target: Target, bucket: str) -> None:
    """Before anything is asked: whoever holds the lock would make the answer worthless."""
    now = time.time()
    lease = live_lease(target.aws.s3, bucket, target.env, now)
    if lease is not None:
        raise BusyError(
            f"Another command works on {target.env.name}: {lease.describe(now)}.",
            hint=f"Wait for it, or end it first: `opsctl cancel --env {target.env.name}`.",
        )


def _served(state: RemoteState) -> str | None:
    """The image of the app stack; None while CloudFormation rolls it back, as either of two may be named then."""
    app = state.stacks.get("app")
    rolls_back = app is not None and not is_terminal(app.status) and "ROLLBACK" in app.status
    return app.parameters.get("ImageUri") if app is not None and not rolls_back else None


def _refuse_lost_snapshot(target: Target, to: Release) -> None:
    """On this machine an image without an engine is a folder, of which the newest few and the releases' are kept."""
    if not target.is_local or target.local.runtime != "processes":
        return
    from opsctl.local.tasks.images import find_snapshot

    if find_snapshot(target.local.state, to.digest) is None:
        raise ImageMissingError(
            f"The image of release {to.number}, {to.digest[:19]}…, is not kept on this machine any more, so nothing "
            "was changed.",
            hint=f"Check out {to.commit or 'what it was made of'} and deploy it.",
        )


def recorded_block(to: Release) -> tuple[Application | None, tuple[str, ...]]:
    """The application as the release had it, with what to tell a person; None where only its image can go back."""
    from pydantic import ValidationError

    from opsctl.config.checked import tuples

    if to.application is None:
        return None, (
            f"Release {to.number} was recorded without its application block, by an earlier opsctl: only its image "
            "goes back, and the block stays as it is configured now.",
        )
    left = json.loads(json.dumps(to.application))
    notes: list[str] = []
    for _ in range(6):
        try:
            return Application.model_validate(tuples(left)), tuple(notes)
        except ValidationError as error:
            unknown = [each["loc"] for each in error.errors() if each["type"] == "extra_forbidden"]
            if not unknown:
                break
            for place in unknown:
                _drop(left, place)
                notes.append(
                    f"Release {to.number} had application.{'.'.join(map(str, place))}, which this opsctl does not "
                    "know: left out."
                )
    return None, (
        f"This opsctl can't read the application block of release {to.number}: only its image goes back, and the block "
        "stays as it is configured now.",
    )


def _drop(values: Any, place: tuple[int | str, ...]) -> None:
    for key in place[:-1]:
        values = values[key]
    del values[place[-1]]


def _with_block(target: Target, block: Application) -> Target:
    """The target as it was configured when the release was deployed, as far as that is the application's affair."""

    def released(env: Environment) -> Environment:
        now = env.application
        web = block.web.model_copy(update={name: getattr(now.web, name) for name in _ADDRESS})
        # How it logs in, and who owns what, is the database's: roles do not go back with a release.
        back = block.model_copy(update={"web": web, "database": now.database, "site": now.site})
        return env.model_copy(update={"application": back})

    configured = released(target.configured)
    _refuse_impossible(target, configured)
    supporting = target.configured.model_copy(
        update={"application": _standing_on(target.configured.application, block)}
    )
    rolled = replace(target, env=released(target.env), configured=configured, supporting=supporting)
    # The same clients: who signs in with a code is asked for it once.
    vars(rolled).update({name: made for name, made in vars(target).items() if name in {"aws", "endpoints", "local"}})
    return rolled


def _standing_on(now: Application, block: Application) -> Application:
    """What the other stacks are made from: all that is configured now, and what the release needs beside."""
    reads = dict.fromkeys(each for _, process in (*now.processes(), *block.processes()) for each in process.reads)
    web = {name: getattr(block.web, name) for name in _REACHED}
    return now.model_copy(
        update={
            # These stacks know `reads` of all processes together.
            "web": now.web.model_copy(update={**web, "reads": tuple(reads)}),
            **{name: _joined(getattr(now, name), getattr(block, name)) for name in _PARTS},
        }
    )


def _joined(now: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Both, in an order that is today's where nothing comes along."""
    return {**now, **{name: each for name, each in then.items() if name not in now}}


def _refuse_impossible(target: Target, env: Environment) -> None:
    if (problem := first_problem(env)) is not None:
        place = ".".join(str(part) for part in problem.path)
        raise RollbackRefusedError(
            f"The release's block does not go together with how {target.env.name} is configured now: {place}: "
            f"{problem.what}.",
            hint=problem.fix,
        )


def _supporting_changes(now: Target, rolled: Target) -> tuple[str, ...]:
    """Stacks beside the release's own that have to be another than configured for it."""
    configured = {each.stack: each for each in now.templates}
    return tuple(
        each.stack
        for each in rolled.templates
        if each.stack not in RELEASED_STACKS
        and (each.body, each.parameters) != (configured[each.stack].body, configured[each.stack].parameters)
    )
