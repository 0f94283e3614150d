"""Running the migration task of an environment by itself: the task, and the code, that a deploy runs."""

from __future__ import annotations

import threading
import time
from typing import Any

from opsctl.cli import context
from opsctl.cli.context import Target
from opsctl.cli.progress import listening
from opsctl.cli.reading import require_outputs, state_of
from opsctl.cli.wiring import pace
from opsctl.deploy.deployment import migrate_task
from opsctl.deploy.events import StepFinished, StepStarted
from opsctl.deploy.tasks import TaskRunner
from opsctl.errors import OpsctlError


def run_migrations(target: Target, *, as_json: bool) -> dict[str, Any]:
    """Run it to its end; its log is shown as it comes. Raises TaskFailedError with the log's tail."""
    state = state_of(target)
    require_outputs(target, state, "jobs", "MigrateTaskDefinitionArn")
    with listening(as_json=as_json) as emit:
        started = time.monotonic()
        emit(StepStarted("migrate", "apply pending migrations of the deployed image"))
        poll = min(pace(target).seconds, 2.0)
        runner = TaskRunner(target.aws.ecs, target.aws.logs, emit, poll_seconds=poll, detach=threading.Event())
        try:
            task = runner.run(migrate_task(state.outputs), token=f"{context.run_id()}-migrate")
        except OpsctlError as error:
            emit(StepFinished("migrate", "failed", error.message, time.monotonic() - started))
            raise
        emit(StepFinished("migrate", "done", "migrations are applied", time.monotonic() - started))
    return {"environment": target.env.name, "task": task.arn, "exit_code": task.exit_code}
