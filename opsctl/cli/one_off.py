"""A one-off task of an environment under a progress display, from the command line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from opsctl.cli import context
from opsctl.cli.progress import listening
from opsctl.cli.wiring import pace
from opsctl.deploy.events import Emit, Outcome, StepFinished, StepStarted, silent
from opsctl.deploy.stream import DetachedError
from opsctl.deploy.tasks import TaskRequest, TaskRunner
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.ecs import Task
    from opsctl.cli.context import Target


def run_one_off(
    target: Target,
    request: TaskRequest,
    *,
    command: str,
    text: str,
    done: str,
    as_json: bool,
    before: Callable[[Emit], None] = lambda _: None,
    heard: Emit = silent,
) -> Task:
    """Do `before`, run the task to its end and show its log. `command` is what a person types to follow it again.

    `heard` gets every event too, for whoever needs the log's lines.

    Raises TaskFailedError with the log's tail, and DetachedError on Ctrl-C.
    """
    with listening(heard, as_json=as_json) as emit:
        started = time.monotonic()

        def finish(outcome: Outcome, how: str) -> None:
            emit(StepFinished(request.name, outcome, how, time.monotonic() - started))

        emit(StepStarted(request.name, text))
        poll = min(pace(target).seconds, 2.0)
        runner = TaskRunner(
            target.aws.ecs, target.aws.logs, emit, poll_seconds=poll, clock=time.time, detach=threading.Event(),
            follow_by=command,
        )  # fmt: skip
        try:
            before(emit)
            task = runner.run(request, token=f"{context.run_id()}-{request.name}")
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
