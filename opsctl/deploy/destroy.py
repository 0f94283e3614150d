"""Removing an environment, newest stack first. What holds data stays unless the person names it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from opsctl.aws.cloudformation import Stack, StackResource
from opsctl.deploy import compare
from opsctl.deploy.events import Emit, Progress, StepFinished, StepStarted
from opsctl.deploy.state import RemoteState
from opsctl.deploy.statuses import is_terminal
from opsctl.deploy.stream import Follower
from opsctl.errors import OpsctlError

# Removed in this order. The bootstrap stack belongs to the account and is never removed here.
WITHOUT_DATA = ("dashboard", "edge", "app", "jobs")
REST = ("data", "network", "platform")
_KEPT = {"Retain", "RetainExceptOnCreate", "Snapshot"}


class StackApi(Protocol):
    """What destroying needs of CloudFormation."""

    def stack(self, name: str) -> Stack | None: ...
    def resources(self, name: str) -> list[StackResource]: ...
    def delete_stack(self, name: str, *, token: str, retain: Sequence[str] = ()) -> None: ...
    def protect(self, name: str, *, enabled: bool) -> None: ...


class DatabaseApi(Protocol):
    """What destroying needs of RDS."""

    def status(self, identifier: str) -> str | None: ...
    def lift_protection(self, identifier: str) -> None: ...
    def delete(self, identifier: str, *, final_snapshot: str | None) -> None: ...


class BucketApi(Protocol):
    """What destroying needs of S3."""

    def empty(self, bucket: str) -> int: ...


@dataclass(frozen=True, slots=True)
class DestroyPlan:
    """Stacks to remove, in order, and those that stay with the reason."""

    remove: tuple[str, ...]
    stay: Mapping[str, str]


def plan_destroy(state: RemoteState, *, delete_data: bool, only: Collection[str] | None = None) -> DestroyPlan:
    """What `opsctl destroy` would do: with `only` to those stacks. Network and platform stay while a database does."""
    if only is not None:
        return DestroyPlan(tuple(name for name in WITHOUT_DATA if name in state.stacks and name in only), {})
    has_data = "data" in state.stacks
    names = [*WITHOUT_DATA, *REST] if delete_data or not has_data else list(WITHOUT_DATA)
    remove = tuple(name for name in names if name in state.stacks)
    stay = {}
    if has_data and not delete_data:
        stay["data"] = "it holds the database"
        for name in ("network", "platform"):
            if name in state.stacks:
                stay[name] = "the database needs it"
    if "bootstrap" in state.stacks:
        stay["bootstrap"] = "it belongs to the account and region"
    return DestroyPlan(remove, stay)


class Destroyer:
    """Removes stacks one by one."""

    def __init__(
        self,
        api: StackApi,
        databases: DatabaseApi,
        buckets: BucketApi,
        follower: Follower,
        emit: Emit,
        *,
        run_id: str,
        pause: Callable[[float], None],
        poll_seconds: float,
        before_write: Callable[[], None],
    ) -> None:
        self._api = api
        self._databases = databases
        self._buckets = buckets
        self._follower = follower
        self._emit = emit
        self._run_id = run_id
        self._pause = pause
        self._poll = poll_seconds
        self._before_write = before_write

    def remove(self, name: str, stack: Stack, body: str) -> None:
        """Remove one stack. Raises OpsctlError with the first resource that could not be deleted."""
        started = time.monotonic()
        self._emit(StepStarted(name, f"delete {stack.name}"))
        self._before_write()
        if not is_terminal(stack.status):
            self._follower.follow(name, stack.id, since=self._follower.newest(stack.id))
        if stack.termination_protection:
            self._api.protect(stack.name, enabled=False)
        self._prepare(name, stack, body)
        since = self._follower.newest(stack.id)
        self._api.delete_stack(stack.name, token=f"opsctl-{self._run_id}-{name}-delete")
        followed = self._follower.follow(name, stack.id, since=since)
        if followed.stack is not None and followed.stack.status != "DELETE_COMPLETE":
            cause = followed.cause
            self._emit(StepFinished(name, "failed", followed.stack.status, time.monotonic() - started))
            raise OpsctlError(
                f"{stack.name} could not be deleted: "
                + (f"{cause.logical_id}: {cause.reason}" if cause else followed.stack.reason),
                code="delete-failed",
                hint="Remove what is named by hand, then run `opsctl destroy` again: it goes on from here.",
            )
        self._emit(StepFinished(name, "done", "deleted", time.monotonic() - started))

    def _prepare(self, name: str, stack: Stack, body: str) -> None:
        """Databases go before their stack, as their subnet and parameter groups can't go under them; buckets empty."""
        policies = {
            key: item.get("DeletionPolicy", "") for key, item in compare.parse(body).get("Resources", {}).items()
        }
        resources = [item for item in self._api.resources(stack.id) if item.physical_id]
        # A replica has no data of its own, and its source can't be deleted before it.
        instances = [item for item in resources if item.type == "AWS::RDS::DBInstance"]
        for item in sorted(instances, key=lambda each: "Replica" not in each.logical_id):
            self._remove_database(name, item)
        for item in resources:
            if item.type == "AWS::S3::Bucket" and policies.get(item.logical_id) not in _KEPT:
                self._buckets.empty(item.physical_id)

    def _remove_database(self, name: str, item: StackResource) -> None:
        status = self._databases.status(item.physical_id)
        if status is None:
            return
        if status != "deleting":
            self._databases.lift_protection(item.physical_id)
            snapshot = None if "Replica" in item.logical_id else f"final-{item.physical_id}-{self._run_id}"[:255]
            self._databases.delete(item.physical_id, final_snapshot=snapshot)
        while (status := self._databases.status(item.physical_id)) is not None:
            self._emit(Progress(name, f"{item.physical_id} is {status}"))
            self._pause(self._poll)
