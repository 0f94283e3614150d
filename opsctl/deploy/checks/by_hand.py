"""Before a change: what of the resources that it modifies somebody changed by hand, which it may put back.

One DetectStackResourceDrift a resource, answered at once, and never a reason to stop: a resource that can't be
compared, a call that is refused or takes too long says nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import AwsError
from opsctl.deploy.drift import by_hand, words
from opsctl.deploy.planning import compare
from opsctl.deploy.planning.statuses import Action

if TYPE_CHECKING:
    from opsctl.aws.drift import Drifts, ResourceDrift
    from opsctl.deploy.planning.plan import Plan, StackPlan

SECONDS = 10.0
_THREADS = 8
_MOST = 24  # resources: a change of more, such as of all tags, is not worth a question for each
# Nobody can change one in place: each change is a new revision.
_IMMUTABLE = frozenset({"AWS::ECS::TaskDefinition"})


@dataclass(frozen=True, slots=True)
class Modified:
    """A resource that a plan changes in place."""

    stack: str
    physical_name: str
    logical_id: str


def modified(plan: Plan, bodies: Mapping[str, str]) -> list[Modified]:
    """The resources that updates change: those that differ in the template, and those that a parameter leads to."""
    found: list[Modified] = []
    for stack in plan.stacks:
        if stack.action is Action.UPDATE:
            names = dict.fromkeys(_names(stack, bodies.get(stack.stack, "")))
            found += [Modified(stack.stack, stack.physical_name, name) for name in names]
    return found


def notes(resources: list[Modified], drifts_of: Callable[[str], Drifts], *, seconds: float = SECONDS) -> list[str]:
    """A sentence for each of these that was changed by hand; `drifts_of` gives the calls of a stack's region.

    Takes no longer than `seconds`, and asks about a limited number of them.
    """
    if not resources or len(resources) > _MOST:
        return []
    found: dict[Modified, ResourceDrift] = {}
    waiting = deque((each, drifts_of(each.stack)) for each in resources)

    def work() -> None:
        while waiting:
            with suppress(AwsError, IndexError):  # it can't be compared, or not by us; or another thread took the last
                resource, drifts = waiting.popleft()
                drift = by_hand(drifts.resource(resource.physical_name, resource.logical_id))
                if drift is not None:
                    found[resource] = drift

    # Not a pool, whose threads Python waits for at the end however long a call takes.
    threads = [Thread(target=work, name="by-hand", daemon=True) for _ in range(min(_THREADS, len(resources)))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    waiting.clear()
    return [_sentence(each, drift) for each in resources if (drift := found.get(each)) is not None]


def _names(stack: StackPlan, body: str) -> Iterator[str]:
    for change in stack.changes:
        if change.action == "modify" and change.type not in _IMMUTABLE:
            yield change.logical_id
    parameters = {each.name for each in stack.parameters}
    if not parameters or not body:
        return
    for name, item in compare.resources_of(body).items():
        if item.get("Type") not in _IMMUTABLE and _refers(item.get("Properties"), parameters):
            yield name


def _refers(value: Any, parameters: set[str]) -> bool:
    """Whether something of a template takes one of these parameters."""
    if isinstance(value, dict):
        if value.get("Ref") in parameters:
            return True
        sub = value.get("Fn::Sub")
        text = sub[0] if isinstance(sub, list) and sub else sub
        if isinstance(text, str) and any(f"${{{name}}}" in text for name in parameters):
            return True
        return any(_refers(each, parameters) for each in value.values())
    return isinstance(value, list) and any(_refers(each, parameters) for each in value)


def _sentence(resource: Modified, drift: ResourceDrift) -> str:
    """`Listener of front was changed by hand: Port 443 → 8443; this deploy may put 443 back.`"""
    what = f"{resource.logical_id} of {resource.stack}"
    if drift.status == "DELETED":
        return f"{what} was deleted by hand, so changing it may fail: `opsctl drift --revert` makes it anew first."
    told = ", ".join(words(each) for each in drift.differences[:4])
    more = f" and {len(drift.differences) - 4} more" if len(drift.differences) > 4 else ""
    back = drift.differences[0].expected if len(drift.differences) == 1 else "that"
    verb = "undo it" if drift.differences[0].kind == "ADD" and len(drift.differences) == 1 else f"put {back} back"
    return f"{what} was changed by hand: {told}{more}; this deploy may {verb}."
