"""Following one stack operation: new events as they come, in order, until CloudFormation stops working."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from opsctl.aws.cloudformation import Stack, StackEvent
from opsctl.deploy.countdown import Countdown
from opsctl.deploy.events import Emit, ResourceChanged
from opsctl.deploy.statuses import is_terminal
from opsctl.errors import ExitCode, OpsctlError

# CloudFormation stops the other resources when one fails; these texts tell of that, never of the cause.
_CONSEQUENCES = (
    "Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled", "The following resource",
)  # fmt: skip


class EventReader(Protocol):
    """What following needs of CloudFormation."""

    def events(self, name: str) -> Iterator[StackEvent]:
        """Newest first."""
        ...

    def stack(self, name: str) -> Stack | None:
        """A stack by name or id."""
        ...


class DetachedError(OpsctlError):
    """The person pressed Ctrl-C: the stack goes on without us."""

    exit_code = ExitCode.INTERRUPTED
    code = "detached"


class DeadlineError(OpsctlError):
    """CloudFormation is still working, but we stopped waiting."""

    code = "deadline"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to ask, and for how long at most. DescribeStackEvents is rate-limited per account: 5 s on AWS."""

    seconds: float = 5.0
    deadline: float = 3600.0


@dataclass(slots=True)
class Followed:
    """What came of an operation. `failures` are resource events in order of time, the first real cause first."""

    stack: Stack | None
    failures: list[StackEvent] = field(default_factory=list)

    @property
    def cause(self) -> StackEvent | None:
        """The first failure that is not the consequence of another."""
        real = [event for event in self.failures if not event.reason.startswith(_CONSEQUENCES)]
        resources = [event for event in real if not event.is_stack]
        return next(iter(resources or real or self.failures), None)


class Follower:
    """Polls one stack at a time. Setting `detach` ends the waiting, and leaves the operation to CloudFormation."""

    def __init__(
        self,
        reader: EventReader,
        emit: Emit,
        pace: Pace,
        *,
        clock: Callable[[], float],
        detach: threading.Event,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        """`limits`: seconds for which CloudFormation waits for each custom resource, see `countdown`."""
        self._countdown = Countdown(limits or {}, emit, clock)
        self._reader = reader
        self._emit = emit
        self._pace = pace
        self._clock = clock
        self._detach = detach

    def newest(self, stack: str) -> str:
        """Id of the newest event now: the mark from which a following operation is read."""
        return next((event.id for event in self._reader.events(stack)), "")

    def follow(self, step: str, stack_id: str, *, since: str) -> Followed:
        """Emit every event after `since` until the stack is at rest. Raises DetachedError or DeadlineError."""
        followed = Followed(None)
        seen = since
        end = self._clock() + self._pace.deadline
        rounds = 0
        while True:
            seen, at_rest = self._take(step, stack_id, seen, followed)
            # The event is written before the stack's status changes, and a lost event must not block for ever.
            if at_rest or rounds % 6 == 5:
                stack = self._reader.stack(stack_id)
                if stack is None or is_terminal(stack.status):
                    if not at_rest:  # what happened between the two questions may be the cause
                        self._take(step, stack_id, seen, followed)
                    followed.stack = stack
                    return followed
            rounds += 1
            self._countdown.tick(step)
            self._pause(step, end)

    def _take(self, step: str, stack_id: str, seen: str, followed: Followed) -> tuple[str, bool]:
        """Report what came after `seen`; answers the newest event, and whether the stack came to rest."""
        fresh = self._fresh(stack_id, seen)
        for event in fresh:
            self._report(step, event)
            self._countdown.note(event)
            if event.status.endswith("_FAILED"):
                followed.failures.append(event)
        return fresh[-1].id if fresh else seen, any(each.is_stack and is_terminal(each.status) for each in fresh)

    def _pause(self, step: str, end: float) -> None:
        if self._clock() >= end:
            raise DeadlineError(
                f"{step} is still in progress after {self._pace.deadline / 60:.0f} minutes.",
                hint="CloudFormation goes on; `opsctl status` shows it and `opsctl deploy` follows it again.",
            )
        if self._detach.wait(self._pace.seconds):
            raise DetachedError(
                f"Detached; CloudFormation goes on with {step}.",
                hint="`opsctl status` shows it; `opsctl deploy` follows it and finishes the rest.",
            )

    def _fresh(self, stack_id: str, seen: str) -> list[StackEvent]:
        fresh = []
        for event in self._reader.events(stack_id):
            if event.id == seen:
                break
            fresh.append(event)
        return fresh[::-1]

    def _report(self, step: str, event: StackEvent) -> None:
        logical_id = step if event.is_stack else event.logical_id
        self._emit(ResourceChanged(step, event.at, logical_id, event.type, event.status, event.reason))
