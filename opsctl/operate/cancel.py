"""Ending what runs on an environment from another terminal: its stacks' operations, and who went on after them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.deploy.events import Emit, as_notes
from opsctl.deploy.graph import Step, run_steps, step
from opsctl.deploy.lease import Lease, live_lease, mark_cancelled
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import is_terminal
from opsctl.deploy.stackrun.cancelling import Canceller, Way, consequence, way_of
from opsctl.deploy.stackrun.removal import StackRemover
from opsctl.deploy.stackrun.stream import Follower
from opsctl.errors import BusyError
from opsctl.operate.assembly import lock_of, pace, this_run
from opsctl.operate.deployed import state_of

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Stack
    from opsctl.operate.target import Target

_FOLLOW_BY = "opsctl status"
_SHARED = "bootstrap"  # the account's, which other environments stand on


@dataclass(frozen=True, slots=True)
class Running:
    """What runs: `lease` is that of who runs it, None where nobody holds one that counts; `stacks` in progress, by
    their short names.
    """

    environment: str
    state: RemoteState
    lease: Lease | None
    stacks: dict[str, Stack]

    @property
    def cancellable(self) -> list[str]:
        """Stacks whose operation can be ended."""
        return [name for name, stack in self.stacks.items() if way_of(stack.status) is not Way.WAIT]

    @property
    def is_ended_by_cancel(self) -> bool:
        """Whether there is anything that a cancellation changes."""
        return self.lease is not None or bool(self.cancellable)

    def lines(self) -> list[str]:
        """Who runs what, and what becomes of each stack, for a person."""
        found = []
        if self.lease is not None:
            found.append(f"{self.environment} is worked on by {self.lease.describe(time.time())}.")
            if not self.stacks:
                found.append(
                    "No stack is in progress; it stops before its next change. A release command is let finish."
                )
        elif self.stacks:
            found.append(f"Nobody holds the lock of {self.environment}, but AWS goes on with what was begun.")
        found += [f"{name} is {stack.status}: it {consequence(stack.status)}." for name, stack in self.stacks.items()]
        return found


def what_runs(target: Target) -> Running:
    """What runs on the environment now. Reads only."""
    state = state_of(target)
    bucket = state.outputs("bootstrap").get("ArtifactBucketName", "")
    lease = live_lease(target.aws.s3, bucket, target.env, time.time()) if bucket else None
    return Running(target.env.name, state, lease, _busy(state))


def _busy(state: RemoteState) -> dict[str, Stack]:
    return {name: stack for name, stack in state.stacks.items() if name != _SHARED and not is_terminal(stack.status)}


def cancel(target: Target, running: Running, emit: Emit, *, timeout_minutes: int) -> dict[str, str]:
    """End it, and follow every stack to its rest; answers their statuses then, `gone` for a deleted one.

    Whoever holds the lock is told first; where nobody does, we take it. A holder hears of it when it renews its lease,
    so that what it began since somebody looked, or until then, is looked for after that and ended as well. Raises
    AwsError, DetachedError, DeadlineError, and BusyError when somebody else begins at this moment.
    """
    run = this_run(target)
    detach = threading.Event()
    after: dict[str, str] = {}
    with target.outlasting(as_notes(emit)), ExitStack() as held:
        if running.lease is not None:
            bucket = running.state.outputs("bootstrap")["ArtifactBucketName"]
            if not mark_cancelled(target.aws.s3, bucket, target.env, running.lease, by=run.owner):
                raise BusyError(
                    f"What {running.lease.owner} ran has ended at this moment, so nothing was cancelled.",
                    hint=f"See `opsctl status --env {target.env.name}`.",
                )
        elif running.state.outputs("bootstrap").get("ArtifactBucketName"):
            held.enter_context(lock_of(target, running.state, run, emit))

        def end(name: str, stack: Stack) -> Callable[[], None]:
            def work() -> None:
                after[name] = _end(target, name, stack, emit, run.id, timeout_minutes, detach)

            return work

        found = running.stacks or _busy(state_of(target))
        while found:
            run_steps([Step(name, end(name, stack)) for name, stack in found.items()], interrupt=detach.set)
            found = {name: stack for name, stack in _busy(state_of(target)).items() if name not in after}
    return after


def _end(
    target: Target, name: str, stack: Stack, emit: Emit, run_id: str, timeout_minutes: int, detach: threading.Event
) -> str:
    template = next(item for item in (*target.templates, *target.unwanted) if item.stack == name)
    aws = target.aws.in_region(template.region)
    rhythm = pace(target, timeout_minutes)
    follower = Follower(aws.cloudformation, emit, rhythm, clock=time.time, detach=detach, follow_by=_FOLLOW_BY)
    remover = StackRemover(
        aws, follower, emit, poll_seconds=rhythm.seconds, clock=time.time, before_write=lambda: None
    )  # fmt: skip
    canceller = Canceller(
        aws.cloudformation, follower, remover,
        token=lambda short: f"opsctl-{run_id}-{short}-cancel", before_write=lambda: None,
    )  # fmt: skip
    with step(emit, name, f"{way_of(stack.status)}: it {consequence(stack.status)}") as ending:
        followed = canceller.end(name, stack)
        status = "gone" if followed.stack is None or followed.is_gone else followed.stack.status
        ending.text = f"taken back ({status})" if "ROLLBACK" in status else status
    return status
