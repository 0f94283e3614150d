"""Running the dataset task of an environment under a progress display."""

from __future__ import annotations

import threading
import time
from typing import Any

from opsctl.cli import context
from opsctl.cli.context import Target
from opsctl.cli.progress import listening
from opsctl.cli.reading import require_outputs, state_of
from opsctl.cli.wiring import pace
from opsctl.deploy.dataset import dataset_task, sync
from opsctl.deploy.events import StepFinished, StepStarted
from opsctl.deploy.stream import DetachedError
from opsctl.deploy.tasks import TaskRunner

COMMAND = ("python", "manage.py", "refresh_salary_dataset")


def run_refresh(target: Target, flags: list[str], *, as_json: bool) -> dict[str, Any]:
    """Sync the raw files and run the refresh to its end; its log is shown as it comes."""
    state = state_of(target)
    bucket = require_outputs(target, state, "platform", "DatasetBucketName")["DatasetBucketName"]
    require_outputs(target, state, "app", "DatasetTaskDefinitionArn")
    command = (*COMMAND, *flags) if flags else None
    with listening(as_json=as_json) as emit:
        started = time.monotonic()
        emit(StepStarted("dataset", "sync raw files, then fetch, build and load"))
        synced = sync(target.aws.s3, bucket, target.workspace.root / "data" / "raw", emit)
        poll = min(pace(target).seconds, 2.0)
        runner = TaskRunner(target.aws.ecs, target.aws.logs, emit, poll_seconds=poll, detach=threading.Event())
        try:
            task = runner.run(dataset_task(state.outputs, command), token=f"{context.run_id()}-dataset")
        except KeyboardInterrupt:
            raise DetachedError(
                "Detached; the dataset task goes on.", hint="`opsctl dataset refresh` finds it again and follows it."
            ) from None
        emit(StepFinished("dataset", "done", "refreshed", time.monotonic() - started))
    return {
        "environment": target.env.name,
        "task": task.arn,
        "uploaded": synced.uploaded,
        "unchanged": synced.unchanged,
    }
