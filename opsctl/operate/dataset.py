"""Running the dataset task of an environment by itself, with one of the service's management commands."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from opsctl.config import naming
from opsctl.config.nearest import nearest
from opsctl.deploy.events import Emit, Event, LogLine, as_notes
from opsctl.deploy.tasks import REASON, TaskFailedError, job_task
from opsctl.errors import ExitCode, OpsctlError
from opsctl.operate.deployed import require_outputs, state_of
from opsctl.operate.raw_files import releases_in, sync
from opsctl.operate.tasks import run_one_off

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opsctl.aws.ecs import Task
    from opsctl.config.application import Job
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.operate.target import Target

SOURCES = Path("data", "salary_sources.json")
JOB = BUCKET = "dataset"
"""Names in `application.jobs` and `application.buckets`: a project that calls its own so can use these commands."""
_RECORD = '{"time": '
_S3_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]+)\.)?s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com"
)
Step = Literal["refresh", "fetch", "build", "load"]
_TEXTS: dict[Step, str] = {
    "refresh": "fetch, build and load",
    "fetch": "fetch the sources",
    "build": "build, without loading",
    "load": "build and load",
}


def run_step(target: Target, step: Step, flags: Sequence[str], emit: Emit) -> dict[str, Any]:
    """Sync the raw files of this checkout and run one step, or all, to its end; its log is shown as it comes.

    Raises TaskFailedError, with an exit code of its own when the rows are some that were rolled back from.
    """
    if step in {"refresh", "fetch"}:
        refuse_closed_sources(target)
    with target.outlasting(as_notes(emit)):
        return _run_step(target, step, flags, emit)


def _run_step(target: Target, step: Step, flags: Sequence[str], emit: Emit) -> dict[str, Any]:
    state = state_of(target)
    bucket = bucket_of(target, state, BUCKET)
    require_job(target, state, JOB)
    synced = sync(target.aws.s3, bucket, raw_folder(target), emit)
    words = [*([] if step == "refresh" else ["--only", step]), *flags]
    command = ["refresh_salary_dataset", *words] if words else None
    again = f"opsctl dataset {step} --env {target.env.name}"
    try:
        task, log = run_command(
            target, state, command, emit, typed=f"opsctl dataset {step}", text=_TEXTS[step],
            if_it_fails=f"Correct what the error names, then run `{again}` again; the active release stays.",
        )  # fmt: skip
    except TaskFailedError as error:
        if error.ended is None or error.ended.exit_code != ExitCode.ROLLED_BACK:
            raise
        raise _rolled_back(target, error, again) from error
    return {
        "environment": target.env.name,
        "task": task.arn,
        "uploaded": synced.uploaded,
        "unchanged": synced.unchanged,
        "log": log,
    }


def _rolled_back(target: Target, error: TaskFailedError, again: str) -> TaskFailedError:
    return TaskFailedError(
        error.reason or error.message,
        code="rolled-back",
        exit_code=ExitCode.ROLLED_BACK,
        detail=error.detail,
        hint=f"`opsctl dataset raw remove NAME --env {target.env.name}` takes a bad raw file out (`raw list` shows "
        f"them); or `{again} --allow-rolled-back`.",
    )


def raw_folder(target: Target) -> Path:
    """Where raw files lie in this checkout."""
    return target.workspace.root / "data" / "raw"


def job_of(target: Target, name: str) -> Job:
    """A job of the application. Raises OpsctlError when it has none of this name."""
    jobs = target.env.application.jobs
    if name not in jobs:
        raise OpsctlError(
            f"{target.env.name} has no job `{name}`.",
            code="unknown-job",
            hint=nearest(name, jobs) if jobs else "Add it to application.jobs in environments.yaml.",
        )
    return jobs[name]


def bucket_of(target: Target, state: RemoteState, name: str) -> str:
    """The bucket that the application calls `name`. Raises OpsctlError when there is none, or none yet."""
    if name not in target.env.application.buckets:
        raise OpsctlError(
            f"{target.env.name} has no bucket `{name}`.",
            code="unknown-bucket",
            hint="Add it to application.buckets in environments.yaml.",
        )
    output = f"{naming.part_id(name)}BucketName"
    return require_outputs(target, state, "platform", output)[output]


def refuse_closed_sources(target: Target) -> None:
    """Stop before a task is started whose sources its role, or the network's endpoint for S3, keeps it from reading."""
    if target.is_local:
        return
    listed = job_of(target, JOB).reads
    closed = [
        f"{name}: {bucket}/{key}"
        for name, bucket, key in s3_sources(target.workspace.root / SOURCES, target.env.region)
        if not any(opens(location, bucket, key) for location in listed)
    ]
    if closed:
        raise OpsctlError(
            f"The dataset task of {target.env.name} may not read {len(closed)} of its sources in S3.",
            code="source-closed",
            detail=tuple(closed),
            hint="List their buckets (`bucket` or `bucket/prefix`) under application.jobs.dataset.reads and run "
            f"`opsctl deploy --env {target.env.name} network app`.",
        )


def s3_sources(path: Path, region: str) -> list[tuple[str, str, str]]:
    """Name, bucket and key of each source that is read through the network's endpoint for S3.

    A list that can't be read here is the task's to complain about.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["sources"]
        used = [(str(each["name"]), str(each["url"])) for each in entries if each.get("enabled", True) is True]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [(name, *place) for name, url in used if (place := s3_place(url, region)) is not None]


def s3_place(url: str, region: str) -> tuple[str, str] | None:
    """Bucket and key of an `s3://` address, or of an `https://` one of S3 in this region; None for any other.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    parts = urlsplit(url)
    key = unquote(parts.path.lstrip("/"))
    if parts.scheme == "s3":
        return parts.netloc, key
    host = _S3_HOST.fullmatch(parts.hostname or "")
    if parts.scheme not in {"https", "http"} or host is None or (host["region"] or region) != region:
        return None
    if host["bucket"]:
        return host["bucket"], key
    bucket, _, key = key.partition("/")
    return bucket, key


def opens(location: str, bucket: str, key: str) -> bool:
    """Whether a listed location (`bucket` or `bucket/prefix`) lets this object be read."""
    name, _, prefix = location.partition("/")
    return name == bucket and key.startswith(prefix)


def list_releases(target: Target, emit: Emit) -> dict[str, Any]:
    """The kept dataset releases and the last activations, newest first."""
    _, log = run_command(
        target, state_of(target), ["salary_releases", "--json"], emit,
        typed="opsctl dataset releases", text="list the dataset releases", shown=False,
        if_it_fails=f"`opsctl status --env {target.env.name}` tells how the environment is.",
    )  # fmt: skip
    return {"environment": target.env.name, **releases_in(log)}


def roll_back(target: Target, release: int | None, emit: Emit) -> dict[str, Any]:
    """Make an older release active; None undoes the last activation."""
    command = ["rollback_salary_release", *(["--to", str(release)] if release is not None else [])]
    typed, text = "opsctl dataset rollback", "make an older release active"
    hint = f"`opsctl dataset releases --env {target.env.name}` lists what there is to go back to; the active one stays."
    task, log = run_command(target, state_of(target), command, emit, typed=typed, text=text, if_it_fails=hint)
    return {"environment": target.env.name, "task": task.arn, "log": log}


def rollback_asked(target: Target, release: int | None, emit: Emit) -> tuple[int | None, str]:
    """The release that a rollback leads to, and the question that names it with its rows and its date.

    What is not in the list is left to the task, which refuses it with its reason.
    """
    listed = list_releases(target, emit)
    kept = {int(each["release"]): each for each in listed["releases"]}
    active = next((number for number, each in kept.items() if each["active"]), None)
    number = release if release is not None else _before_active(kept, listed["activations"])
    if number is None or number not in kept:
        return release, rollback_question(target, release)
    instead = f" instead of r{active} ({kept[active]['rows']:,} rows)" if active is not None else ""
    found = kept[number]
    return number, (
        f"Make release r{number} ({found['rows']:,} rows, of {found['created_at']}) the active dataset of "
        f"{target.env.name}{instead}?"
    )


def rollback_question(target: Target, release: int | None) -> str:
    """The question without looking at what there is."""
    which = "the release that was active before" if release is None else f"release r{release}"
    return f"Make {which} the active dataset of {target.env.name}?"


def _before_active(kept: Mapping[int, Mapping[str, Any]], activations: Sequence[Mapping[str, Any]]) -> int | None:
    """Where undoing activations, of which the newest is the first, leads to; as the service finds it."""
    stack: list[int] = []
    for flip in reversed(activations):
        number = int(flip["release"])
        if flip["how"] == "rollback" and number in stack:
            del stack[stack.index(number) :]
        stack.append(number)
    good = {number for number, each in kept.items() if not each["active"] and not each.get("rolled_back")}
    return next((number for number in reversed(stack) if number in good), None)


def require_job(target: Target, state: RemoteState, job: str) -> None:
    """Raise OpsctlError when the application has no such job, or the deployed stacks do not have it yet."""
    job_of(target, job)
    require_outputs(target, state, "app", f"{naming.part_id(job)}TaskDefinitionArn")


def run_command(
    target: Target,
    state: RemoteState,
    command: Sequence[str] | None,
    emit: Emit,
    *,
    typed: str,
    text: str,
    if_it_fails: str,
    job: str = JOB,
    shown: bool = True,
) -> tuple[Task, list[str]]:
    """Run a management command as the task of a job (None: its own); returns the task and what it printed.

    Args:
        typed: what a person types to follow it again.
        text: what it does.
        if_it_fails: what to do then.
        shown: whether what it prints is for people.
    """
    require_job(target, state, job)
    log: list[str] = []

    def hear(event: Event) -> None:
        if not isinstance(event, LogLine):
            emit(event)
        elif event.text.startswith(_RECORD):
            if told := _told(event.text):
                emit(replace(event, text=told))
        elif not event.text.startswith(REASON):  # the failure says it
            log.append(event.text)
            if shown:
                emit(event)

    words = ("python", "manage.py", *command) if command else None
    task = run_one_off(
        target,
        job_task(state.outputs, job, words, if_it_fails=if_it_fails),
        hear,
        command=typed,
        text=text,
        done="done",
    )
    return task, log


def _told(record: str) -> str:
    """A record of the service's own log, which stands between what a command prints; "" for what only logs are for."""
    with suppress(ValueError):
        found = json.loads(record)
        if found.get("level") in {"WARNING", "ERROR", "CRITICAL"}:
            return f"{found['level'].lower()}: {found.get('message', '')}"
    return ""
