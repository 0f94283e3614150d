"""Why a service did not come up: what ECS and the logs know, as lines for a person."""

from __future__ import annotations

from typing import Protocol

from opsctl.aws.ecs import Service, Task
from opsctl.aws.errors import AwsError
from opsctl.deploy.tasks import how_it_ended


class ServiceApi(Protocol):
    """What the diagnosis asks ECS."""

    def service(self, cluster: str, name: str) -> Service | None: ...
    def stopped_tasks(self, cluster: str, service: str) -> list[Task]: ...


class TailApi(Protocol):
    """What the diagnosis asks CloudWatch Logs."""

    def tail(self, group: str, stream: str, count: int = 20) -> tuple[str, ...]: ...


def service_failure(ecs: ServiceApi, logs: TailApi, *, cluster: str, service: str, log_group: str) -> tuple[str, ...]:
    """How a stopped task ended and its last log lines; never raises, as it explains another failure."""
    name = service.rsplit("/", 1)[-1]
    try:
        tasks = ecs.stopped_tasks(cluster, name)
        if not tasks:
            found = ecs.service(cluster, name)
            return tuple(found.events) if found else ()
        # Tasks that the rollback stopped ended well; the newest that did not is the one to blame.
        task = next((item for item in tasks if item.exit_code != 0), tasks[0])
        lines = logs.tail(log_group, f"service/service/{task.id}", 15)
    except AwsError as error:
        return (f"(The service's tasks can't be read: {error.message})",)
    return (*lines, f"Task {task.id} stopped: {how_it_ended(task)}.")
