"""One-off tasks of an environment: run to the end, with the log as it comes."""

from __future__ import annotations

import shlex
import threading
import time
from typing import TYPE_CHECKING, Any

from opsctl.config import naming
from opsctl.config.nearest import nearest
from opsctl.deploy.events import Emit, Event, LogLine, Note, as_notes
from opsctl.deploy.graph import step
from opsctl.deploy.left_running import DetachedError
from opsctl.deploy.tasks import TaskFailedError, TaskRequest, TaskRunner, job_task, release_task
from opsctl.errors import UsageError
from opsctl.operate.deployed import require_outputs, state_of
from opsctl.operate.target import run_id
from opsctl.stacks.parts.tasks import TIMED_OUT, started, timed

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
) -> Task:
    """Run the task to its end and emit its log. `command` is what a person types to follow it again.

    Raises TaskFailedError with the log's tail, and DetachedError on Ctrl-C.
    """
    runner = TaskRunner(
        target.aws.ecs, target.aws.logs, emit, poll_seconds=min(target.poll_seconds, 2.0), clock=time.time,
        detach=threading.Event(), follow_by=command,
    )  # fmt: skip
    with target.outlasting(as_notes(emit)), step(emit, request.name, text) as ending:
        try:
            task = runner.run(request, token=f"{run_id()}-{request.name}")
        except KeyboardInterrupt:
            raise DetachedError(
                f"Detached; the {request.name} task goes on.", hint=f"`{command}` finds it again and follows it."
            ) from None
        ending.text = done
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


class UnmigratedModels:
    """Hears, in the log of a release, what Django says of models that changed without a migration."""

    def __init__(self) -> None:
        self.said = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, LogLine) and "not yet reflected in a migration" in event.text:
            self.said = event.text.strip()

    def repeat(self, emit: Emit) -> None:
        """Say it again, where nothing follows that would hide it."""
        if self.said:
            emit(Note(f"{self.said} Run `manage.py makemigrations`, commit what it writes, and deploy again."))


def explained(error: TaskFailedError) -> TaskFailedError:
    """A release's failure, with the key to write where a migration wants an extension that is not there."""
    from opsctl.dbroles.missing_extension import missing_extension

    name = missing_extension("\n".join(error.detail))
    if name is None:
        return error
    return TaskFailedError(
        error.message, detail=error.detail, exit_code=error.exit_code,
        hint=f"PostgreSQL lacks the extension {name}: write application.database.extensions: [{name}], deploy again.",
    )  # fmt: skip


def listed_jobs(target: Target) -> list[dict[str, Any]]:
    """The application's jobs as environments.yaml has them."""
    return [
        {"name": name, "command": list(job.command), "schedule": job.schedule or "", "timezone": job.timezone,
         "timeout": job.timeout}
        for name, job in target.env.application.jobs.items()
    ]  # fmt: skip


def run_job(target: Target, name: str, arguments: tuple[str, ...], emit: Emit) -> dict[str, Any]:
    """Run a job to its end. Raises UsageError for a name that there is not."""
    jobs = target.env.application.jobs
    if name not in jobs:
        hint = nearest(name, jobs) if jobs else "Add it to application.jobs in environments.yaml."
        raise UsageError(f"{target.env.name} has no job `{name}`.", code="unknown-job", hint=hint)
    state = state_of(target)
    require_outputs(target, state, "app", f"{naming.part_id(name)}TaskDefinitionArn")
    job = jobs[name]
    words = timed((*job.command, *arguments), job.timeout)
    command = started(target.env.application, job, words) if arguments else None
    typed = shlex.join(("job", "run", name, *(("--", *arguments) if arguments else ())))
    try:
        task = run_one_off(
            target,
            job_task(state.outputs, name, command),
            emit,
            command=f"opsctl {typed}",
            text=shlex.join((*job.command, *arguments)),
            done="done",
        )
    except TaskFailedError as error:
        if job.timeout is not None and error.ended is not None and error.ended.exit_code in TIMED_OUT:
            raise TaskFailedError(
                f"{name} did not end within {job.timeout} s, so it was ended.",
                detail=error.detail,
                hint=f"Raise application.jobs.{name}.timeout, or see in its log what it waited for.",
            ) from error
        raise
    return {"environment": target.env.name, "job": name, "task": task.arn, "exit_code": task.exit_code}
