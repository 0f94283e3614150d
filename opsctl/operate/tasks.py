"""One-off tasks of an environment: run to the end, with the log as it comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opsctl.deploy.events import Emit, Outcome, StepFinished, StepStarted
from opsctl.deploy.stream import DetachedError
from opsctl.deploy.tasks import TaskRequest, TaskRunner, release_task
from opsctl.errors import OpsctlError
from opsctl.operate.deployed import require_outputs, state_of
from opsctl.operate.target import run_id

if TYPE_CHECKING:
    from opsctl.aws.ecs import Task
    from opsctl.operate.target import Target


def run_one_off(
    target: Target,
    request: TaskRequest,
    emit: Emit,
    *,
    command: str,
    text: str,
    done: str,
    before: Callable[[Emit], None] = lambda _: None,
) -> Task:
    """Do `before`, run the task to its end and emit its log. `command` is what a person types to follow it again.

    Raises TaskFailedError with the log's tail, and DetachedError on Ctrl-C.
    """
    started = time.monotonic()

    def finish(outcome: Outcome, how: str) -> None:
        emit(StepFinished(request.name, outcome, how, time.monotonic() - started))

    emit(StepStarted(request.name, text))
    runner = TaskRunner(
        target.aws.ecs, target.aws.logs, emit, poll_seconds=min(target.poll_seconds, 2.0), clock=time.time,
        detach=threading.Event(), follow_by=command,
    )  # fmt: skip
    try:
        before(emit)
        task = runner.run(request, token=f"{run_id()}-{request.name}")
    except KeyboardInterrupt:
        detached = DetachedError(
            f"Detached; the {request.name} task goes on.", hint=f"`{command}` finds it again and follows it."
        )
        finish("detached", detached.message)
        raise detached from None
    except OpsctlError as error:
        finish("failed", error.message)
        raise
    finish("done", done)
    return task


def run_migrations(target: Target, emit: Emit) -> dict[str, Any]:
    """Run the migrations of the deployed image: the task, and the code, that a deploy runs."""
    state = state_of(target)
    require_outputs(target, state, "jobs", "MigrateTaskDefinitionArn")
    task = run_one_off(
        target,
        release_task(state.outputs),
        emit,
        command="opsctl db migrate",
        text="apply pending migrations of the deployed image",
        done="migrations are applied",
    )
    return {"environment": target.env.name, "task": task.arn, "exit_code": task.exit_code}
