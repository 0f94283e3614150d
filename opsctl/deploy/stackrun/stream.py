"""Following one stack operation: new events as they come, in order, until CloudFormation stops working.

Events tell what happened; DescribeStacks may be behind them, and both may be behind the call that started the
operation. An operation of our own is known by its token: whatever comes before the first event that carries it is past.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from opsctl.aws.cloudformation import Stack, StackEvent
from opsctl.aws.errors import AwsError
from opsctl.deploy.events import Emit, Note, ResourceChanged
from opsctl.deploy.evidence.causes import CONSEQUENCES
from opsctl.deploy.left_running import DeadlineError, DetachedError, UnansweredError
from opsctl.deploy.planning.statuses import is_terminal
from opsctl.deploy.stackrun.countdown import Countdown
from opsctl.deploy.stackrun.watch import RolloutWatch

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import CloudFormation

# DescribeStacks is asked in every sixth round without news, and given this long to catch up with the last event.
_ROUNDS = 6
_BEHIND_SECONDS = 60.0
# A stack that only has a change set yet. Nothing runs in it, so it is never the end of anything.
_REVIEW = "REVIEW_IN_PROGRESS"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to ask, and for how long at most. DescribeStackEvents is rate-limited per account: 5 s on AWS."""

    seconds: float = 5.0
    deadline: float = 3600.0


class Patience:
    """`with patience:` around questions about work that AWS goes on with: for minutes they may fail.

    A question that was throttled, not answered or refused is told once and asked again in the next round, since an
    hour's work does not stop with it. Raises UnansweredError once that has lasted for `seconds`.
    """

    def __init__(
        self, emit: Emit, clock: Callable[[], float], *, goes_on: str, follow_by: str, seconds: float = 300.0
    ) -> None:
        """`goes_on`: a clause such as `CloudFormation goes on with app`; `follow_by`: the command that follows it."""
        self._emit = emit
        self._clock = clock
        self._goes_on = goes_on
        self._follow_by = follow_by
        self._seconds = seconds
        self._since: float | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is None:
            if self._since is not None:
                self._since = None
                self._emit(Note("AWS answers again."))
            return False
        if not isinstance(error, AwsError) or not error.may_pass:
            return False
        now = self._clock()
        minutes = f"{self._seconds / 60:.0f} minutes"
        if self._since is None:
            self._since = now
            self._emit(Note(f"{error.message} {self._goes_on}; it is asked again for up to {minutes}."))
        elif now - self._since >= self._seconds:
            raise UnansweredError(
                f"{error.message} After {minutes} of that nobody watches any more. {self._goes_on}.",
                hint=f"{error.hint} `{self._follow_by}` follows it and finishes the rest.".strip(),
                exit_code=error.exit_code,
            ) from error
        return True


@dataclass(slots=True)
class Followed:
    """What came of an operation. `failures` are resource events in order of time, the first real cause first."""

    stack: Stack | None
    failures: list[StackEvent] = field(default_factory=list)
    kept: list[StackEvent] = field(default_factory=list)

    @property
    def is_gone(self) -> bool:
        """Whether the stack exists no more."""
        return self.stack is None or self.stack.status == "DELETE_COMPLETE"

    @property
    def cause(self) -> StackEvent | None:
        """The first failure that is not the consequence of another."""
        real = [event for event in self.failures if not event.reason.startswith(CONSEQUENCES)]
        resources = [event for event in real if not event.is_stack]
        return next(iter(resources or real or self.failures), None)


@dataclass(slots=True)
class _Watch:
    """How far one operation has been seen. `rest` is the status of the event that ended it."""

    step: str
    stack_id: str
    seen: str
    token: str
    begun: bool = False
    rounds: int = 0
    rest: str = ""
    rested: float = 0.0
    unannounced: str = ""
    followed: Followed = field(default_factory=lambda: Followed(None))


class Follower:
    """Polls one stack at a time. Setting `detach` ends the waiting, and leaves the operation to CloudFormation."""

    def __init__(
        self,
        reader: CloudFormation,
        emit: Emit,
        pace: Pace,
        *,
        clock: Callable[[], float],
        detach: threading.Event,
        limits: Mapping[str, int] | None = None,
        follow_by: str = "opsctl deploy",
        watch: RolloutWatch | None = None,
    ) -> None:
        """`limits`: seconds for which CloudFormation waits for each custom resource, see `countdown`."""
        self._rollouts = watch
        self._countdown = Countdown(limits or {}, emit, clock)
        self._reader = reader
        self._emit = emit
        self._pace = pace
        self._clock = clock
        self._detach = detach
        self.follow_by = follow_by

    def newest(self, stack: str) -> str:
        """Id of the newest event now: the mark from which a following operation is read."""
        return next((event.id for event in self._reader.events(stack)), "")

    def follow(self, step: str, stack_id: str, *, since: str, token: str = "") -> Followed:
        """Emit every event after `since` until the stack is at rest.

        `token` is the client token of an operation that was started just now; without one, the operation is somebody
        else's and is known to run. Raises DetachedError, DeadlineError or UnansweredError, and HopelessRolloutError
        where a `watch` finds one.
        """
        watch = _Watch(step, stack_id, since, token)
        patience = Patience(
            self._emit, self._clock, goes_on=f"CloudFormation goes on with {step}", follow_by=self.follow_by
        )
        end = self._clock() + self._pace.deadline
        while True:
            with patience:
                if self._look(watch):
                    return watch.followed
            self._countdown.tick(step)
            if self._rollouts is not None:
                self._rollouts.tick()
            self._wait(step, end)

    def _look(self, watch: _Watch) -> bool:
        """One round of questions; answers whether the operation has come to rest, with the stack as it then is."""
        self._take(watch)
        watch.rounds += 1
        if not watch.rest and watch.rounds % _ROUNDS:
            return False
        stack = self._reader.stack(watch.stack_id)
        status = stack.status if stack is not None else "DELETE_COMPLETE"
        if watch.rest:
            behind = status != watch.rest and self._clock() - watch.rested < _BEHIND_SECONDS
        else:
            behind = self._unannounced(watch, status)
        if behind:
            return False
        watch.followed.stack = stack
        return True

    @staticmethod
    def _unannounced(watch: _Watch, status: str) -> bool:
        """Whether to go on waiting although no event has told the end: a lost event must not block for ever.

        A status counts when it was found twice in a row, and never before an operation of our own has begun: it may
        be the one from before.
        """
        ours = watch.begun or not watch.token or status == "DELETE_COMPLETE"  # after which nothing begins any more
        at_rest = is_terminal(status) and status != _REVIEW and ours
        before, watch.unannounced = watch.unannounced, status if at_rest else ""
        return not at_rest or before != status

    def _take(self, watch: _Watch) -> None:
        """Report what came since the last round."""
        for event in self._fresh(watch.stack_id, watch.seen):
            watch.seen = event.id
            if event.is_stack and event.status == _REVIEW:
                continue  # the change set's own, and it may come late
            watch.begun = watch.begun or not watch.token or event.token in {"", watch.token}
            if not watch.begun:
                continue
            self._report(watch.step, event)
            self._countdown.note(event)
            if self._rollouts is not None:
                self._rollouts.note(event)
            if event.status.endswith("_FAILED"):
                watch.followed.failures.append(event)
            elif event.status == "DELETE_SKIPPED":
                watch.followed.kept.append(event)
            if event.is_stack:
                watch.rest = event.status if is_terminal(event.status) else ""
                watch.rested = self._clock()

    def pause(self, seconds: float) -> None:
        """Wait between two questions to another service. Raises DetachedError."""
        if self._detach.wait(seconds):
            raise DetachedError("Detached while AWS was working.", hint=f"`{self.follow_by}` goes on from here.")

    def _wait(self, step: str, end: float) -> None:
        if self._clock() >= end:
            raise DeadlineError(
                f"{step} is still in progress after {self._pace.deadline / 60:.0f} minutes.",
                hint=f"CloudFormation goes on; `opsctl status` shows it and `{self.follow_by}` follows it again.",
            )
        if self._detach.wait(self._pace.seconds):
            raise DetachedError(
                f"Detached; CloudFormation goes on with {step}.",
                hint=f"`opsctl status` shows it; `{self.follow_by}` follows it and finishes the rest.",
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
