"""Putting back what was changed by hand, by CloudFormation's drift-aware change sets: shown first, then carried out.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import AwsError
from opsctl.deploy.events import Emit, silent
from opsctl.deploy.failures import StackFailedError, stack_failure
from opsctl.deploy.graph import step
from opsctl.deploy.left_running import DetachedError
from opsctl.deploy.planning import compare, planner
from opsctl.deploy.planning.statuses import SETTLED
from opsctl.deploy.stackrun.stream import Follower
from opsctl.operate.assembly import lock_of, pace, this_run
from opsctl.operate.deployed import state_of

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Change, ChangeSet, Stack
    from opsctl.aws.session import Aws
    from opsctl.deploy.drift import DriftReport
    from opsctl.operate.target import Target
    from opsctl.stacks.model import StackTemplate

_QUESTIONS = 600
# Lines of a deleted one have no backup, and nothing that writes to it starts without: an empty one is all there is.
_LOG_GROUP = "AWS::Logs::LogGroup"
_LEAVES = "SyncWithActual"  # only CloudFormation's own record changes


@dataclass(frozen=True, slots=True)
class StackRevert:
    """What would be done to a stack. `refused` says why nothing is: it would lose data, or there is nothing to do."""

    stack: str
    name: str
    arn: str
    stack_id: str
    changes: tuple[Change, ...] = ()
    refused: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "stack": self.stack,
            "changes": [asdict(each) for each in self.changes],
            "refused": self.refused,
        }


class Reverter:
    """Makes the change sets, and carries out or discards them."""

    def __init__(self, target: Target, report: DriftReport, *, timeout_minutes: int) -> None:
        self._target = target
        self._report = report
        self._timeout = timeout_minutes
        self._run = this_run(target)
        self._templates: dict[str, StackTemplate] = {each.stack: each for each in (*target.templates, *target.unwanted)}

    @property
    def run_id(self) -> str:
        """Names the run in the journal."""
        return self._run.id

    def prepare(self) -> list[StackRevert]:
        """Change sets for all stacks that drifted. Raises BusyError while something else changes the environment."""
        state = state_of(self._target)
        made: list[StackRevert] = []
        with lock_of(self._target, state, self._run, silent) as lock:
            try:
                for drift in self._report.drifted:
                    lock.ensure()
                    made.append(self._prepared(self._templates[drift.stack], state.stacks[drift.stack]))
            except BaseException:
                self.discard(made)
                raise
        return made

    def discard(self, prepared: list[StackRevert]) -> None:
        """Remove change sets that are not carried out; one that is gone is no error."""
        for each in prepared:
            try:
                self._aws(each.stack).cloudformation.delete_change_set(each.arn)
            except AwsError:
                continue  # CloudFormation drops it with the stack's next update

    def execute(self, prepared: list[StackRevert], emit: Emit) -> None:
        """Carry them out, one stack after the other, under the lock. Raises StackFailedError at the first failure."""
        with lock_of(self._target, state_of(self._target), self._run, emit) as lock:
            for each in prepared:
                if each.refused:
                    continue
                with step(emit, each.stack, "put back what was changed by hand") as ending:
                    self._execute(each, emit, lock.ensure)
                    ending.text = "as its template says"

    def _execute(self, revert: StackRevert, emit: Emit, ensure: Callable[[], None]) -> None:
        api, template = self._aws(revert.stack).cloudformation, self._templates[revert.stack]
        rhythm = pace(self._target, self._timeout)
        never = threading.Event()
        follower = Follower(api, emit, rhythm, clock=time.time, detach=never, follow_by="opsctl drift")
        since, token = follower.newest(revert.name), f"opsctl-{self._run.id}-{revert.stack}"
        ensure()
        api.execute_change_set(revert.arn, token=token)
        try:
            followed = follower.follow(revert.stack, revert.stack_id, since=since, token=token)
        except KeyboardInterrupt:
            raise DetachedError(
                f"Detached; CloudFormation goes on with {revert.stack}.",
                hint="`opsctl status` shows it; `opsctl drift` compares when it is done.",
            ) from None
        if followed.stack is None or followed.stack.status not in SETTLED:
            raise stack_failure(template, followed, f"could not put {revert.name} back")

    def _prepared(self, template: StackTemplate, stack: Stack) -> StackRevert:
        aws, name = self._aws(template.stack), f"opsctl-revert-{self._run.id}-{template.stack}"
        arn = aws.drifts.create_revert(
            stack.id, name=name, token=name, parameters=stack.parameters, capabilities=template.capabilities
        )
        found = self._awaited(template, arn)
        changes = tuple(each for each in found.changes if each.action != _LEAVES)
        refused = _loss(template, changes)
        if found.status == "FAILED":
            refused = f"CloudFormation made no change set: {found.reason}"
            if found.is_empty:
                refused = "CloudFormation finds nothing that it could put back"
        elif not changes:
            refused = "CloudFormation finds nothing that it could put back"
        return StackRevert(template.stack, stack.name, arn, stack.id, changes, refused)

    def _awaited(self, template: StackTemplate, arn: str) -> ChangeSet:
        api = self._aws(template.stack).cloudformation
        for attempt in range(_QUESTIONS):
            found = api.change_set(arn)
            if found.status in {"CREATE_COMPLETE", "FAILED"}:
                return found
            time.sleep(min(0.1 * 1.5**attempt, 3.0))
        raise StackFailedError(f"The change set {arn} is not ready after half an hour.", hint="Run it again.")

    def _aws(self, stack: str) -> Aws:
        return self._target.aws.in_region(self._templates[stack].region)


def _loss(template: StackTemplate, changes: tuple[Change, ...]) -> str:
    """Why putting it back would lose data; "" when it does not."""
    for each in changes:
        if not planner.holds_data(template, each.logical_id, each.type):
            continue
        what = f"{each.type} {each.logical_id}"
        if each.action == "Add" and each.type != _LOG_GROUP:
            return f"{what} was deleted, and CloudFormation would make an empty one: restore it from a backup first"
        known = each.causes and all(compare.replacement_of(each.type, cause) == "no" for cause in each.causes)
        if each.action == "Remove" or each.replacement == "True" or (each.replacement == "Conditional" and not known):
            return f"{what} would be replaced, and what it holds lost"
    return ""


def notes_of(prepared: list[StackRevert]) -> list[str]:
    """What else a person has to know before they agree."""
    anew = [
        f"{each.stack}.{change.logical_id}"
        for each in prepared
        if not each.refused
        for change in each.changes
        if change.action == "Add"
    ]
    if not anew:
        return []
    return [
        f"Made anew, with a new id: {', '.join(anew)}. Other stacks know the old one until the next `opsctl deploy`."
    ]
