"""Finding what was changed by hand in an environment, and putting it back through CloudFormation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.config.nearest import nearest
from opsctl.deploy.drift import DriftReport, StackDrift, stack_drift
from opsctl.errors import OpsctlError, UsageError
from opsctl.operate.deployed import state_of

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Stack
    from opsctl.operate.target import Target
    from opsctl.stacks.model import StackTemplate

# Statuses in which CloudFormation checks. [UG CFN, using-cfn-stack-drift]
_CHECKABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"})
_DEADLINE = 900.0  # seconds; a check takes "up to several minutes" [API DetectStackDrift]
_THREADS = 8
Wait = Callable[[float], bool]
"""Waits so many seconds; True when nobody wants the answer any more."""


def detect(target: Target, names: Sequence[str] = ()) -> DriftReport:
    """Check stacks, all or those of these short names, at the same time. Starts nothing on this machine.

    A stack that can't be checked is in the report with the reason; raises AwsError when none can be.
    """
    if target.is_stopped:
        raise OpsctlError(
            "The local target does not run, so there is nothing to compare.",
            code="local-target-stopped",
            hint=f"`opsctl deploy --env {target.env.name}` starts it.",
        )
    templates = _selected(target, names)
    state = state_of(target)
    stop = threading.Event()
    with target.outlasting(), ThreadPoolExecutor(_THREADS, thread_name_prefix="drift") as pool:
        try:
            check = _Check(target, stop.wait)
            found = list(pool.map(lambda each: check.of(each, state.stacks.get(each.stack)), templates))
        except BaseException:
            stop.set()  # Ctrl-C: what polls would go on for minutes
            raise
    asked = [each for each in found if each is not None]
    if asked and all(each.error for each in asked):
        raise next(each.error for each in asked if each.error)
    return DriftReport(target.env.name, tuple(each.drift for each in asked))


def _selected(target: Target, names: Sequence[str]) -> list[StackTemplate]:
    every = {template.stack: template for template in (*target.templates, *target.unwanted)}
    for name in names:
        if name not in every:
            raise UsageError(
                f"{target.env.name} has no stack `{name}`.", code="unknown-stack", hint=nearest(name, every)
            )
    return [template for name, template in every.items() if not names or name in names]


@dataclass(frozen=True, slots=True)
class _Checked:
    drift: StackDrift
    error: AwsError | None = None


class _Check:
    """Checks one stack after the other, of whatever region; used by several threads."""

    def __init__(self, target: Target, wait: Wait) -> None:
        self._target = target
        self._wait = wait

    def of(self, template: StackTemplate, stack: Stack | None) -> _Checked | None:
        """One stack; None where there is none."""
        if stack is None:
            return None
        if stack.status not in _CHECKABLE:
            reason = f"it is {stack.status}, in which CloudFormation compares nothing"
            return _Checked(StackDrift(template.stack, stack.name, reason=reason))
        try:
            return _Checked(self._detected(template, stack))
        except AwsError as error:
            return _Checked(StackDrift(template.stack, stack.name, reason=error.message), error)

    def _detected(self, template: StackTemplate, stack: Stack) -> StackDrift:
        aws = self._target.aws.in_region(template.region)
        deadline, check = time.monotonic() + _DEADLINE, None
        while True:
            check = check or aws.drifts.detect(stack.id)
            detection = aws.drifts.detection(check) if check else None
            if detection is not None and not detection.is_running:
                break
            if self._wait(self._target.poll_seconds) or time.monotonic() > deadline:
                reason = f"the check was not done after {_DEADLINE / 60:.0f} minutes"
                return StackDrift(template.stack, stack.name, reason=reason)
        reason = detection.reason if detection.status == "DETECTION_FAILED" else ""
        return stack_drift(
            template.stack, stack.name, aws.drifts.resources(stack.id), aws.cloudformation.resources(stack.id), reason
        )
