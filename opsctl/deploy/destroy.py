"""Removing an environment, each stack after those that use it. What holds data stays unless the person names it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.config import naming
from opsctl.deploy.events import Emit, Note, Progress
from opsctl.deploy.graph import step
from opsctl.deploy.leftovers import Left
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import is_terminal
from opsctl.deploy.stackrun.removal import Removal, StackRemover
from opsctl.deploy.stackrun.stream import Follower
from opsctl.errors import BusyError, OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Stack
    from opsctl.aws.session import Aws

# As shown to a person. The bootstrap stack belongs to the account and is never removed here.
WITHOUT_DATA = (naming.SITE_STACK, "edge", "app", "front", "jobs", "functions")
REST = ("upkeep", "egress", "data", "network", "platform")
# Why a stack stays with the database.
_STAYS = {
    "upkeep": "it looks after the database; a replica goes on costing",
    "egress": "upkeep needs it; NAT and endpoints go on costing",
    "data": "it holds the database",
    "network": "the database needs it",
    "platform": "the database needs it",
}
# What one-off tasks hold: subnets and security groups, the cluster, and their way out while they end.
_HELD_BY_TASKS = ("egress", "network", "platform")
# A stack goes when those that use it are gone; others go beside it. A Lambda function in a VPC takes up to 20 minutes
# to go: so upkeep starts at once, and the functions stack waits for jobs only, which wait for nobody. A service that is
# about to go needs neither a replica nor migrations.
USED_BY = {
    "edge": (naming.SITE_STACK,),
    "front": ("app", "jobs"),
    "functions": ("jobs",),
    "egress": ("app", "jobs", "upkeep"),
    "data": ("app", "jobs", "upkeep"),
    "network": ("app", "front", "jobs", "functions", "upkeep", "egress", "data"),
    "platform": ("app", "front", "jobs", "functions", "upkeep", "egress", "data"),
}
# What a person should know before taking a long deletion for one that hangs.
_LONG_ENDS = {
    "functions": "on AWS the function's network interfaces take up to 20 minutes to go",
    "upkeep": "on AWS the rotation function's network interfaces take up to 20 minutes to go",
    naming.SITE_STACK: "on AWS a distribution is switched off everywhere first, which takes minutes",
}
# A container is killed two minutes after SIGTERM at the latest; its network interface goes a little later.
_TASK_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class DestroyPlan:
    """Stacks to remove, in order, and those that stay with the reason."""

    remove: tuple[str, ...]
    stay: Mapping[str, str]


def plan_destroy(state: RemoteState, *, delete_data: bool, only: Collection[str] | None = None) -> DestroyPlan:
    """What `opsctl destroy` would do: with `only` to those stacks. What a database needs stays while it does."""
    if only is not None:
        return DestroyPlan(tuple(name for name in WITHOUT_DATA if name in state.stacks and name in only), {})
    has_data = "data" in state.stacks
    names = [*WITHOUT_DATA, *REST] if delete_data or not has_data else list(WITHOUT_DATA)
    remove = tuple(name for name in names if name in state.stacks)
    stay: dict[str, str] = {}
    if has_data and not delete_data:
        stay |= {name: reason for name, reason in _STAYS.items() if name in state.stacks}
    if "bootstrap" in state.stacks:
        stay["bootstrap"] = "it belongs to the account and region"
    return DestroyPlan(remove, stay)


def ensure_unchanged(seen: RemoteState, now: RemoteState, environment: str) -> None:
    """Raise BusyError when a stack was made, made again, changed or protected since `seen`; one that went is fine."""
    for name, stack in now.stacks.items():
        before = seen.stacks.get(name)
        if before is None or _version(before) != _version(stack):
            raise BusyError(
                f"{stack.name} was changed by somebody while you were asked, so nothing was removed.",
                code="changed-meanwhile",
                hint=f"Run `opsctl destroy --env {environment}` again to see what it would remove now.",
            )


def _version(stack: Stack) -> tuple[object, ...]:
    """What differs once somebody has changed a stack; its status also does when it goes on by itself."""
    return stack.id, stack.updated, stack.termination_protection


class Destroyer:
    """Removes single stacks. `cluster` is where the environment's tasks run and `function` DbInit's, "" without one.

    `keep_logs`: what RDS wrote about a database stays in CloudWatch when it goes.
    """

    def __init__(
        self,
        aws: Aws,
        remover: StackRemover,
        follower: Follower,
        emit: Emit,
        *,
        run_id: str,
        cluster: str,
        function: str,
        keep_logs: bool,
        poll_seconds: float,
        before_write: Callable[[], None],
    ) -> None:
        self._aws = aws
        self._remover = remover
        self._follower = follower
        self._emit = emit
        self._run_id = run_id
        self._cluster = cluster
        self._function = function
        self._keep_logs = keep_logs
        self._poll = poll_seconds
        self._before_write = before_write

    def remove(self, name: str, stack: Stack, body: str) -> list[Left]:
        """Remove one stack; answers what outlived it. Raises OpsctlError with the first resource that could not be
        deleted.
        """
        long = f" ({_LONG_ENDS[name]})" if name in _LONG_ENDS else ""
        with step(self._emit, name, f"delete {stack.name}{long}") as ending:
            self._remove(name, stack, body)
            ending.text = "deleted"
        return self._remover.left

    def _remove(self, name: str, stack: Stack, body: str) -> None:
        if not is_terminal(stack.status):
            running = self._follower.follow(name, stack.id, since=self._follower.newest(stack.id))
            if running.is_gone:
                return
        if name == "jobs" and self._function:
            # It has to answer that the roles may go.
            self._aws.functions.wake(self._function, self._follower.pause)
        if name in _HELD_BY_TASKS and self._cluster:
            self._stop_tasks(name)
        followed = self._remover.remove(
            Removal(
                name, stack, body, token=f"opsctl-{self._run_id}-{name}-delete", unused=False,
                snapshot=lambda identifier: f"final-{identifier}-{self._run_id}"[:255], keep_logs=self._keep_logs,
            )
        )  # fmt: skip
        if followed.stack is not None and not followed.is_gone:
            cause = followed.cause
            raise OpsctlError(
                f"{stack.name} could not be deleted: "
                + (f"{cause.logical_id}: {cause.reason}" if cause else followed.stack.reason),
                code="delete-failed",
                hint="Remove what is named by hand, then run `opsctl destroy` again: it goes on from here.",
            )

    def _stop_tasks(self, name: str) -> None:
        """End one-off tasks: their network interfaces hold subnets and security groups, and they hold the cluster."""
        told: set[str] = set()
        waited = 0.0
        while running := self._aws.ecs.one_off_tasks(self._cluster):
            if waited >= _TASK_SECONDS:
                raise OpsctlError(
                    f"The task {running[0].id} has not stopped within {_TASK_SECONDS / 60:.0f} minutes, and holds "
                    f"{name}.",
                    code="task-remains",
                    hint="Look at it in the ECS console, then run `opsctl destroy` again: it goes on from here.",
                )
            for task in running:
                if task.arn not in told:
                    told.add(task.arn)
                    self._emit(Note(f"{name}: the task {task.id} still runs and is stopped."))
                    self._before_write()
                    self._aws.ecs.stop_task(self._cluster, task.arn, reason="opsctl destroy removes its environment")
            self._emit(Progress(name, f"{len(running)} tasks are stopping"))
            self._follower.pause(self._poll)
            waited += self._poll
