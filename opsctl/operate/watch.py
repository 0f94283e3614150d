"""Following what somebody else does to an environment: the lock says who is at it, the stacks' events what happens.

Reads only. What CloudFormation does not tell, such as how migrations ended, shows in whether a release was recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opsctl.config.naming import artifact_folder, lock_key
from opsctl.deploy import release
from opsctl.deploy.events import Emit, Note, ResourceChanged, StepFinished, StepStarted
from opsctl.deploy.lease import Held, found
from opsctl.deploy.planning.statuses import SETTLED, is_terminal
from opsctl.deploy.stackrun.stream import Patience
from opsctl.errors import OpsctlError
from opsctl.operate.deployed import state_of

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Stack, StackEvent
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.operate.target import Target

_REVIEW = "REVIEW_IN_PROGRESS"  # a stack that only has a change set yet: nothing runs in it
# Events of an operation may carry a time a little before the one at which its lock was taken.
_BEFORE_SECONDS = 5.0


class OperationFailedError(OpsctlError):
    """What was watched ended, and not well."""

    code = "operation-failed"


@dataclass(slots=True)
class _Seen:
    """How far one stack has been seen: the newest event, whether an operation runs, and when it began."""

    event: str = ""
    running: bool = False
    began: float = 0.0
    changed: bool = False


@dataclass(slots=True)
class Watch:
    """One look after the other. `failed` are the stacks whose last operation ended badly, with their statuses."""

    target: Target
    emit: Emit
    clock: Callable[[], float] = time.time
    pause: Callable[[float], object] = time.sleep
    failed: dict[str, str] = field(default_factory=dict)
    _stacks: dict[str, _Seen] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """Follow the operation that runs to its end; answers what was seen. Raises OperationFailedError."""
        with self.target.outlasting(lambda text: self.emit(Note(text))):
            return self._follow()

    def _follow(self) -> dict[str, Any]:
        held, state = self._look()
        if held is None and not self._busy(state):
            return {**self._last(state), "running": False, "operation": None, "changed": []}
        first = held
        name = self.target.env.name
        who = held.lease.who() if held is not None else "CloudFormation alone: nobody holds the lock"
        self.emit(Note(f"{name} is worked on by {who}."))
        since = (held.lease.acquired if held is not None else self._oldest(state)) - _BEFORE_SECONDS
        patience = Patience(
            self.emit, self.clock, goes_on="The operation goes on", follow_by=f"opsctl watch --env {name}"
        )
        while True:
            with patience:
                self._report(state, since)
                if not self._same(first, held) and not self._busy(state):
                    return self._ended(first, state)
            self.pause(self.target.poll_seconds)
            with patience:
                held, state = self._look()
                if first is not None and held is not None and self._same(first, held):
                    first = held  # as it is now: it says who cancelled it

    def _look(self) -> tuple[Held | None, RemoteState]:
        """Reads the lease before the stacks: a command whose lease is gone by then changes nothing more in them."""
        before = state_of(self.target)
        bucket = before.outputs("bootstrap").get("ArtifactBucketName")
        if not bucket:
            return None, before
        store = self.target.aws.s3
        held = found(store.get(bucket, lock_key(artifact_folder(self.target.env))))
        if held is None or held.left(self.clock() + store.ahead) <= 0 or held.is_orphan:
            return None, state_of(self.target)
        return held, before

    @staticmethod
    def _same(first: Held | None, now: Held | None) -> bool:
        return now is not None and (first is None or first.lease.id == now.lease.id)

    @staticmethod
    def _busy(state: RemoteState) -> bool:
        return any(_runs(stack) for stack in state.stacks.values())

    def _oldest(self, state: RemoteState) -> float:
        """When the first of the operations that run began; without a lock nothing else says so."""
        times = [
            event.at.timestamp()
            for name, stack in state.stacks.items()
            if _runs(stack) and (event := self._beginning(name, stack)) is not None
        ]
        return min(times, default=self.clock())

    def _beginning(self, name: str, stack: Stack) -> StackEvent | None:
        begins = {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}
        events = self._events(name, stack)
        return next((event for event in events if event.is_stack and event.status in begins), None)

    def _events(self, name: str, stack: Stack) -> list[StackEvent]:
        """Newest first, up to those that were seen."""
        region = next((item.region for item in self.target.templates if item.stack == name), None)
        fresh, seen = [], self._stacks.setdefault(name, _Seen())
        for event in self.target.aws.in_region(region).cloudformation.events(stack.id):
            if event.id == seen.event:
                break
            fresh.append(event)
        return fresh

    def _report(self, state: RemoteState, since: float) -> None:
        for name, stack in state.stacks.items():
            if stack.status == _REVIEW:
                continue
            for event in self._events(name, stack)[::-1]:
                seen = self._stacks[name]
                seen.event = event.id
                if event.at.timestamp() >= since and event.status != _REVIEW:
                    self._show(name, event, seen)

    def _show(self, name: str, event: StackEvent, seen: _Seen) -> None:
        if not seen.running and event.is_stack and not is_terminal(event.status):
            seen.running, seen.began, seen.changed = True, event.at.timestamp(), True
            self.emit(StepStarted(name, event.status.partition("_")[0].lower()))
        logical_id = name if event.is_stack else event.logical_id
        self.emit(ResourceChanged(name, event.at, logical_id, event.type, event.status, event.reason))
        if event.is_stack and is_terminal(event.status) and seen.running:
            seen.running = False
            good = event.status in SETTLED or event.status == "DELETE_COMPLETE"
            self.failed.pop(name, None)
            if not good:
                self.failed[name] = event.status
            outcome = "done" if good else "failed"
            self.emit(StepFinished(name, outcome, event.status, event.at.timestamp() - seen.began))  # type: ignore[arg-type]

    def _ended(self, first: Held | None, state: RemoteState) -> dict[str, Any]:
        changed = [name for name, seen in self._stacks.items() if seen.changed]
        last = self._last(state)
        by = first.cancelled if first is not None else ""
        if self.failed:
            what = ", ".join(f"{name} is {status}" for name, status in self.failed.items())
            how = f"{by} cancelled it" if by else "It ended badly"
            raise OperationFailedError(f"{how}: {what}.", hint=self._why)
        if first is not None and changed and self._deploys_all(first.lease.command):
            recorded = (last["release"] or {}).get("run_id")
            if recorded != first.lease.id:
                raise OperationFailedError(
                    f"{by} cancelled {first.lease.owner}'s deploy."
                    if by
                    else f"{first.lease.owner}'s deploy ended without recording a release: it was left, or a step "
                    "failed of which CloudFormation tells nothing, such as migrations.",
                    hint=f"{self._why} `opsctl deploy` finishes the work.",
                )
        operation = {"owner": first.lease.owner, "command": first.lease.command} if first is not None else None
        return {**last, "running": True, "operation": operation, "changed": changed}

    @property
    def _why(self) -> str:
        return f"`opsctl explain --env {self.target.env.name}` says why."

    def _deploys_all(self, command: str) -> bool:
        """Whether a deploy of all stacks, which records a release when it changed anything."""
        words = command.split()
        return words[:2] == ["opsctl", "deploy"] and not {item.stack for item in self.target.templates} & set(words[2:])

    def _last(self, state: RemoteState) -> dict[str, Any]:
        """What ended last: the newest release, and the stack that was changed last."""
        bucket = state.outputs("bootstrap").get("ArtifactBucketName")
        newest = release.current(self.target.aws.s3, bucket, self.target.env) if bucket else None
        updated = [(stack.updated, name, stack.status) for name, stack in state.stacks.items() if stack.updated]
        last = max(updated, default=None)
        return {
            "environment": self.target.env.name,
            "release": {"number": newest.number, "run_id": newest.run_id, "by": newest.by, "at": newest.at}
            if newest is not None
            else None,
            "last_stack": {"stack": last[1], "status": last[2], "at": last[0].isoformat()}
            if last is not None
            else None,
        }


def _runs(stack: Stack) -> bool:
    return not is_terminal(stack.status) and stack.status != _REVIEW
