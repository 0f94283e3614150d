"""Why a service did not come up: what ECS and the logs know, as lines for a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.config import naming
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.stackrun.countdown import answer_limits
from opsctl.deploy.tasks import how_it_ended

if TYPE_CHECKING:
    from opsctl.aws.ecs import Ecs
    from opsctl.aws.logs import Logs
    from opsctl.aws.session import Aws
    from opsctl.config.models import Environment
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.stacks.model import StackTemplate

# A server that is told to stop ends well, also when ECS stopped it for not answering. (ECS, stopped task errors)
_UNHEALTHY = re.compile(r"Task failed (ELB|container) health checks")
_RAISED = re.compile(r"[A-Za-z_][\w.]*(: |$)")


def task_log(logs: Logs, *, log_group: str, container: str, task: str) -> tuple[str, ...]:
    """The last lines of a task's log; none of no task. Never raises, as it explains a failure."""
    try:
        return logs.tail(log_group, f"{container}/{container}/{task}", 15) if task else ()
    except AwsError as error:
        return (f"(The task's log can't be read: {error.message})",)


def explained(
    error: StackFailedError, template: StackTemplate, env: Environment, aws: Aws, state: RemoteState
) -> StackFailedError:
    """A stack's failure with what ECS and the logs know about a resource whose own reason says little."""
    if error.cause is None:
        return error
    platform = state.outputs("platform")
    lines: tuple[str, ...] = ()
    message = error.message
    if error.cause.type == "AWS::ECS::Service":
        # By its logical id: the event of a failed create may not name it yet.
        workers = env.application.workers
        worker = next((name for name in workers if error.cause.logical_id == f"{naming.part_id(name)}Service"), None)
        log_group = platform.get("WorkersLogGroupName" if worker else "ServiceLogGroupName", "")
        if error.task is not None:
            lines = task_log(aws.logs, log_group=log_group, container=worker or "service", task=error.task)
        else:
            lines = service_failure(
                aws.ecs,
                aws.logs,
                cluster=platform.get("ClusterName", ""),
                service=naming.worker_name(env, worker) if worker else naming.service_name(env),
                log_group=log_group,
                container=worker or "service",
            )
            # The reason of CloudFormation's event names the circuit breaker alone.
            message = " ".join([message, *lines[-1:]])
    elif (waited := answer_limits(template.body).get(error.cause.logical_id)) is not None:
        lines = function_failure(
            aws.logs,
            log_group=platform.get("FunctionLogGroupName", ""),
            reason=error.cause.reason,
            at=error.cause.at,
            waited=waited,
        )
    return StackFailedError(message, hint=error.hint, cause=error.cause, detail=(*lines, *error.detail))


def service_failure(
    ecs: Ecs, logs: Logs, *, cluster: str, service: str, log_group: str, container: str = "service"
) -> tuple[str, ...]:
    """A stopped task's last log lines and, as the last line, how it ended; never raises, as it explains a failure."""
    name = service.rsplit("/", 1)[-1]
    try:
        tasks = ecs.stopped_tasks(cluster, name)
        if not tasks:
            found = ecs.service(cluster, name)
            return tuple(found.events) if found else ()
        # Tasks that the rollback stopped ended well; the newest that did not is the one to blame.
        task = next((item for item in tasks if item.exit_code != 0 or _UNHEALTHY.match(item.reason)), tasks[0])
        lines = logs.tail(log_group, f"{container}/{container}/{task.id}", 15)
    except AwsError as error:
        return (f"(The service's tasks can't be read: {error.message})",)
    ended = how_it_ended(task)
    if task.exit_code and (cause := _exception(lines)):
        ended = f"{ended}, {cause.rstrip('.')}"
    return (*lines, f"Task {task.id} stopped: {ended}.")


def _exception(lines: Sequence[str]) -> str:
    """What a traceback or a management command ends with; servers write more lines below it. "" without one."""
    for before, line in reversed(list(zip(("", *lines), lines, strict=False))):
        if line.startswith("CommandError: ") or (before[:1].isspace() and _RAISED.match(line)):
            return line
    return ""


# What Lambda itself writes around every call, and the indented lines of a traceback.
_FRAME = re.compile(r"(INIT_START|START|END|REPORT) |Traceback |\s")
_SILENT = ("timed out", "did not receive a response", "failed to respond")


def function_failure(logs: Logs, *, log_group: str, reason: str, at: datetime, waited: int) -> tuple[str, ...]:
    """What a function wrote when its custom resource ended without an answer: the reason is in its log alone.

    `waited` is the resource's ServiceTimeout in seconds. Never raises, as it explains another failure.
    """
    if not log_group or not any(text in reason for text in _SILENT):
        return ()
    try:
        lines = logs.since(log_group, at - timedelta(seconds=waited + 60))
    except AwsError as error:
        return (f"(The function's log {log_group} can't be read: {error.message})",)
    said = [part for line in lines for part in line.splitlines() if part.strip() and not _FRAME.match(part)]
    return tuple(f"{log_group}: {part.strip()}" for part in said[-8:])
