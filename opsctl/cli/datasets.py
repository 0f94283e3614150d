"""Running the dataset task of an environment by itself, with one of the service's management commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from opsctl.cli.one_off import run_one_off
from opsctl.cli.reading import require_outputs, state_of
from opsctl.deploy.dataset import Synced, releases_in, sync
from opsctl.deploy.events import Emit, Event, LogLine
from opsctl.deploy.tasks import dataset_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opsctl.aws.ecs import Task
    from opsctl.cli.context import Target
    from opsctl.deploy.state import RemoteState

Step = Literal["refresh", "fetch", "build", "load"]
_TEXTS: dict[Step, str] = {
    "refresh": "sync raw files, then fetch, build and load",
    "fetch": "sync raw files, then fetch",
    "build": "sync raw files, then build",
    "load": "sync raw files, then build and load",
}


def run_step(target: Target, step: Step, flags: Sequence[str], *, as_json: bool) -> dict[str, Any]:
    """Sync the raw files of this checkout and run one step, or all, to its end; its log is shown as it comes."""
    state = state_of(target)
    bucket = require_outputs(target, state, "platform", "DatasetBucketName")["DatasetBucketName"]
    synced = Synced(0, 0)

    def send(emit: Emit) -> None:
        nonlocal synced
        synced = sync(target.aws.s3, bucket, target.workspace.root / "data" / "raw", emit)

    words = [*([] if step == "refresh" else ["--only", step]), *flags]
    command = ["refresh_salary_dataset", *words] if words else None
    task, log = run_command(
        target, state, command, typed=f"opsctl dataset {step}", text=_TEXTS[step], as_json=as_json, before=send
    )
    return {
        "environment": target.env.name,
        "task": task.arn,
        "uploaded": synced.uploaded,
        "unchanged": synced.unchanged,
        "log": log,
    }


def list_releases(target: Target, *, as_json: bool) -> dict[str, Any]:
    """The kept dataset releases, newest first."""
    typed, text = "opsctl dataset releases", "list the dataset releases"
    _, log = run_command(
        target, state_of(target), ["salary_releases", "--json"], typed=typed, text=text, as_json=as_json
    )
    return {"environment": target.env.name, "releases": releases_in(log)}


def roll_back(target: Target, release: int | None, *, as_json: bool) -> dict[str, Any]:
    """Make an older release active; None stands for the one before the active."""
    command = ["rollback_salary_release", *(["--to", str(release)] if release is not None else [])]
    typed, text = "opsctl dataset rollback", "make an older release active"
    task, log = run_command(target, state_of(target), command, typed=typed, text=text, as_json=as_json)
    return {"environment": target.env.name, "task": task.arn, "log": log}


def run_command(
    target: Target,
    state: RemoteState,
    command: Sequence[str] | None,
    *,
    typed: str,
    text: str,
    as_json: bool,
    before: Callable[[Emit], None] = lambda _: None,
) -> tuple[Task, list[str]]:
    """Run a management command as the dataset task (None: the schedule's own); returns the task and what it printed."""
    require_outputs(target, state, "app", "DatasetTaskDefinitionArn")
    log: list[str] = []

    def hear(event: Event) -> None:
        # Records of the service's own log stand between what the command prints.
        if isinstance(event, LogLine) and not event.text.startswith('{"time": '):
            log.append(event.text)

    task = run_one_off(
        target,
        dataset_task(state.outputs, ("python", "manage.py", *command) if command else None),
        command=typed,
        text=text,
        done="done",
        as_json=as_json,
        before=before,
        heard=hear,
    )
    return task, log
