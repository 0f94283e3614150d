"""What a deploy has to do, as data: every resource that is made or changed, every step, and what each waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opsctl.deploy.planning import compare
from opsctl.deploy.planning.durations import (
    IMAGE_SECONDS,
    RELEASE_TASK_SECONDS,
    STACK_SECONDS,
    duration_of,
    seconds_to_delete,
    seconds_to_update,
)
from opsctl.deploy.planning.forecast import references
from opsctl.deploy.planning.plan import Plan, StackPlan
from opsctl.deploy.planning.statuses import Action
from opsctl.stacks.model import StackTemplate

# Where nothing better is known: half as long or double is no surprise; C is a guess.
_SPREAD = {"A": 0.35, "B": 0.5, "C": 0.8}
_STEPS = {"image": IMAGE_SECONDS, "migrate": RELEASE_TASK_SECONDS, "secrets": 3.0}
_UNCHANGED = 1.0
_TASK = "AWS::ECS::TaskDefinition"
BY_ITSELF = "stack by itself"


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of work: `kind` is how its history is called, `seconds` what it takes where there is none, give or
    take `spread` (a standard deviation of the logarithm). `after` names items; "" is the `logical_id` of a step.
    """

    step: str
    logical_id: str
    kind: str
    seconds: float
    spread: float
    after: tuple[str, ...]


Work = Mapping[str, Item]
"""Items by name: `data/Database` for a resource, `data` for the end of a step."""


def work_of(
    plan: Plan, templates: Sequence[StackTemplate], bodies: Mapping[str, str], order: Mapping[str, Sequence[str]]
) -> Work:
    """All items of a plan. `bodies` are the templates that are deployed, `order` the steps and what each waits for."""
    planned = {item.stack: item for item in plan.stacks}
    by_name: dict[str, StackTemplate] = {template.stack: template for template in templates}
    work: dict[str, Item] = {}
    for step, after in order.items():
        template, stack = by_name.get(step), planned.get(step)
        waits = tuple(after)
        if template is None or stack is None:
            built = step != "image" or (plan.image is not None and plan.image.build)
            seconds = _STEPS.get(step, _UNCHANGED) if built else _UNCHANGED
            kind = f"step {step}" if built else "step image found"
            work[step] = Item(step, "", kind, seconds, _SPREAD["C"], waits)
        elif not stack.is_change:
            work[step] = Item(step, "", "stack unchanged", _UNCHANGED, _SPREAD["C"], waits)
        else:
            _add_stack(work, template, stack, bodies.get(step, ""), waits)
    return work


def _add_stack(
    work: dict[str, Item], template: StackTemplate, stack: StackPlan, body: str, waits: tuple[str, ...]
) -> None:
    """A change set first, then its resources, each after those that it refers to, and the end after all."""
    step = template.stack
    known = compare.resources_of(template.body)
    touched = _touched(known, stack, new=stack.action in {Action.CREATE, Action.RECREATE} or not body)
    start = f"{step}/"
    work[start] = Item(step, "", BY_ITSELF, STACK_SECONDS, _SPREAD["A"], waits)
    for name, (verb, kind) in touched.items():
        item = known.get(name, {})
        inside = tuple(f"{step}/{other}" for other in references(item) if other in touched and other != name)
        seconds, spread = _typical(verb, kind, item.get("Properties", {}))
        work[f"{step}/{name}"] = Item(step, name, f"{verb} {kind}", seconds, spread, (start, *inside))
    ends = (start, *(f"{step}/{name}" for name in touched))
    work[step] = Item(step, "", "", 0.0, 0.0, ends)


def _typical(verb: str, kind: str, properties: Mapping[str, object]) -> tuple[float, float]:
    if verb == "create":
        typical = duration_of(kind, properties)
        return typical.create, _SPREAD[typical.grade]
    return (seconds_to_update if verb == "update" else seconds_to_delete)(kind), _SPREAD["C"]


def _touched(known: Mapping[str, Mapping[str, object]], stack: StackPlan, *, new: bool) -> dict[str, tuple[str, str]]:
    """Verb and type of what changes: by the templates, by the parameters, and by what refers to what is replaced."""
    if new:
        return {name: ("create", str(item["Type"])) for name, item in known.items()}
    found: dict[str, tuple[str, str]] = {}
    for change in stack.changes:
        made = change.action == "add" or change.replacement == "yes"
        found[change.logical_id] = (
            "delete" if change.action == "remove" else "create" if made else "update",
            change.type,
        )
    moved = {parameter.name for parameter in stack.parameters}
    moved |= {name for name, (verb, _) in found.items() if verb == "create"}
    while True:
        more = {
            name: item for name, item in known.items() if name not in found and not moved.isdisjoint(references(item))
        }
        if not more:
            return found
        for name, item in more.items():
            kind = str(item["Type"])
            found[name] = ("create" if kind == _TASK else "update", kind)  # every change makes another revision
            if kind == _TASK:
                moved.add(name)
