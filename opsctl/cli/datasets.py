"""Running the dataset task of an environment by itself."""

from __future__ import annotations

from typing import Any

from opsctl.cli.context import Target
from opsctl.cli.one_off import run_one_off
from opsctl.cli.reading import require_outputs, state_of
from opsctl.deploy.dataset import Synced, sync
from opsctl.deploy.events import Emit
from opsctl.deploy.tasks import dataset_task

COMMAND = ("python", "manage.py", "refresh_salary_dataset")


def run_refresh(target: Target, flags: list[str], *, as_json: bool) -> dict[str, Any]:
    """Sync the raw files and run the refresh to its end; its log is shown as it comes."""
    state = state_of(target)
    bucket = require_outputs(target, state, "platform", "DatasetBucketName")["DatasetBucketName"]
    require_outputs(target, state, "app", "DatasetTaskDefinitionArn")
    synced = Synced(0, 0)

    def send(emit: Emit) -> None:
        nonlocal synced
        synced = sync(target.aws.s3, bucket, target.workspace.root / "data" / "raw", emit)

    task = run_one_off(
        target,
        dataset_task(state.outputs, (*COMMAND, *flags) if flags else None),
        command="opsctl dataset refresh",
        text="sync raw files, then fetch, build and load",
        done="refreshed",
        as_json=as_json,
        before=send,
    )
    return {
        "environment": target.env.name,
        "task": task.arn,
        "uploaded": synced.uploaded,
        "unchanged": synced.unchanged,
    }
