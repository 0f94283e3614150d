"""A service's rollout as one look finds it: the deployment in force, its tasks, how they ended, what the load balancer
thinks of them. Reads only; whoever looks again and again compares the looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opsctl.aws.ecs import ServiceEvent, Task
from opsctl.aws.load_balancers import TargetHealth

if TYPE_CHECKING:
    from opsctl.aws.session import Aws


@dataclass(frozen=True, slots=True)
class Rollout:
    """One look at a service. `at` is AWS's time of it, and `begun` that of the deployment in force.

    `tasks` are those which that deployment started, the oldest first; `earlier` are all others, whatever they do says
    nothing about the new release. `targets` are the new tasks' as the load balancer sees them, `events` what the
    service said since the deployment began, the newest first. `failed` is ECS's own count of failed tasks; `balanced`
    tells whether a load balancer probes them.
    """

    service: str
    at: datetime
    deployment: str
    state: str
    begun: datetime
    desired: int
    failed: int = 0
    grace_seconds: float = 0.0
    balanced: bool = False
    tasks: tuple[Task, ...] = ()
    earlier: tuple[Task, ...] = ()
    targets: tuple[TargetHealth, ...] = ()
    events: tuple[ServiceEvent, ...] = ()

    @property
    def stopped(self) -> tuple[Task, ...]:
        """Tasks of the deployment in force that ended."""
        return tuple(task for task in self.tasks if task.status == "STOPPED")

    @property
    def running(self) -> tuple[Task, ...]:
        """Tasks of the deployment in force that run."""
        return tuple(task for task in self.tasks if task.status == "RUNNING")

    def targets_of(self, task: Task) -> tuple[TargetHealth, ...]:
        """What the load balancer thinks of a task; nothing before it is registered."""
        return tuple(target for target in self.targets if task.address and target.address == task.address)


def observe(aws: Aws, *, cluster: str, service: str, clock: Callable[[], float] = time.time) -> Rollout | None:
    """Look at a service once: DescribeServices, ListTasks (running, stopped), DescribeTasks, and DescribeTargetHealth
    once a new task runs. None while there is no such service. Raises AwsError.
    """
    found = aws.ecs.service(cluster, service)
    primary = found.primary if found is not None else None
    if found is None or primary is None:
        return None
    at = found.at or datetime.fromtimestamp(clock(), UTC)
    begun = primary.created or at
    known = aws.ecs.service_tasks(cluster, service)
    # By definition and time, as a restart's tasks have the definition of those that they replace.
    new = [task for task in known if task.task_definition == primary.task_definition and _since(task.created, begun)]
    addresses = {task.address for task in new if task.status == "RUNNING"}
    groups = found.target_groups if addresses else ()
    return Rollout(
        service=service,
        at=at,
        deployment=primary.id,
        state=primary.state,
        begun=begun,
        desired=found.desired,
        failed=primary.failed,
        grace_seconds=float(found.grace_seconds),
        balanced=bool(found.target_groups),
        tasks=tuple(sorted(new, key=lambda task: task.created or begun)),
        earlier=tuple(task for task in known if task not in new),
        targets=tuple(
            target
            for group in groups
            for target in aws.load_balancers.target_health(group)
            if target.address in addresses
        ),
        events=tuple(event for event in found.history if _since(event.at, begun)),
    )


def _since(at: datetime | None, begun: datetime) -> bool:
    return at is not None and at >= begun
