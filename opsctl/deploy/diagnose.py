"""Why a service did not come up: what ECS and the logs know, as lines for a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.deploy.tasks import how_it_ended

if TYPE_CHECKING:
    from opsctl.aws.ecs import Ecs
    from opsctl.aws.logs import Logs

# A server that is told to stop ends well, also when ECS stopped it for not answering. (ECS, stopped task errors)
_UNHEALTHY = re.compile(r"Task failed (ELB|container) health checks")
_RAISED = re.compile(r"[A-Za-z_][\w.]*(: |$)")


def task_log(logs: Logs, *, log_group: str, container: str, task: str) -> tuple[str, ...]:
    """The last lines of a task's log; none of no task. Never raises, as it explains a failure."""
    try:
        return logs.tail(log_group, f"{container}/{container}/{task}", 15) if task else ()
    except AwsError as error:
        return (f"(The task's log can't be read: {error.message})",)


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
