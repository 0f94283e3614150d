"""How long a deploy takes on AWS before it happens: resources, what each waits for, and how long its type takes.

Two answers from the same templates. `as_ordered`: stack by stack, as the deploy runs. `limit`: as if every resource
could start the moment that what it refers to is there, which no order of stacks can beat. Pure; knows no clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from opsctl.deploy.planning import compare
from opsctl.deploy.planning.durations import (
    IMAGE_SECONDS,
    RELEASE_TASK_SECONDS,
    STACK_SECONDS,
    Duration,
    duration_of,
    seconds_to_delete,
    seconds_to_update,
)
from opsctl.stacks.model import FromContext, FromOutput, StackTemplate

Order = Mapping[str, tuple[str, ...]]
"""Steps of a deploy (stacks, `image`, `migrate`) and those that each waits for."""
Seconds = Callable[[str, Mapping[str, Any]], Duration]

# What runs code in private subnets: it reaches nothing before the ways out are there, though no reference says so.
_RUNNERS = ("Custom::", "AWS::ECS::Service", "AWS::SecretsManager::RotationSchedule")
_WAYS_OUT = frozenset({"AWS::EC2::Route", "AWS::EC2::VPCEndpoint"})
_SUB = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")
_STEPS = {"image": IMAGE_SECONDS, "migrate": RELEASE_TASK_SECONDS}


@dataclass(frozen=True, slots=True)
class Leg:
    """One stretch of the longest way: a resource (`data/Database`), a step, or what a stack costs by itself."""

    name: str
    type: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """`path` is the way that decides: each leg waits for the one before. `guessed` types have no known duration."""

    seconds: float
    path: tuple[Leg, ...]
    guessed: tuple[str, ...] = ()

    @property
    def minutes(self) -> float:
        """The whole in minutes."""
        return self.seconds / 60


@dataclass(slots=True)
class _Graph:
    legs: dict[str, Leg] = field(default_factory=dict)
    after: dict[str, set[str]] = field(default_factory=dict)
    guessed: set[str] = field(default_factory=set)

    def add(self, name: str, kind: str, seconds: float, after: Iterable[str] = ()) -> None:
        self.legs[name] = Leg(name, kind, seconds)
        self.after.setdefault(name, set()).update(after)

    def ends(self) -> tuple[dict[str, float], dict[str, str | None]]:
        """When each leg ends, and which one it waited for last."""
        ends: dict[str, float] = {}
        before: dict[str, str | None] = {}
        for name in TopologicalSorter(self.after).static_order():
            last = max(self.after.get(name, ()), key=lambda each: ends[each], default=None)
            before[name] = last
            ends[name] = (ends[last] if last is not None else 0.0) + self.legs[name].seconds
        return ends, before

    def longest(self) -> Forecast:
        ends, before = self.ends()
        at: str | None = max(ends, key=lambda each: ends[each], default=None)
        total, path = (ends[at] if at is not None else 0.0), list[Leg]()
        while at is not None:
            if self.legs[at].seconds:
                path.append(self.legs[at])
            at = before[at]
        return Forecast(total, tuple(path[::-1]), tuple(sorted(self.guessed)))


def as_ordered(templates: Sequence[StackTemplate], order: Order, *, seconds: Seconds = duration_of) -> Forecast:
    """A first deploy of `templates` in the deploy's own order of steps."""
    return _ordered(templates, order, seconds).longest()


def schedule(templates: Sequence[StackTemplate], order: Order) -> dict[str, tuple[float, float]]:
    """Seconds at which each step of a first deploy begins and ends."""
    graph = _ordered(templates, order, duration_of)
    ends, _ = graph.ends()
    return {
        step: (max((ends[f"{name}/end"] for name in after), default=0.0), ends[f"{step}/end"])
        for step, after in order.items()
    }


def _ordered(templates: Sequence[StackTemplate], order: Order, seconds: Seconds) -> _Graph:
    graph = _Graph()
    by_name: dict[str, StackTemplate] = {template.stack: template for template in templates}
    for step, after in order.items():
        waits = [f"{name}/end" for name in after if name in order]
        template = by_name.get(step)
        if template is None:
            graph.add(f"{step}/end", step, _STEPS[step], waits)
            continue
        graph.add(f"{step}/start", "a stack by itself", STACK_SECONDS, waits)
        for name, item in _resources(template).items():
            inside = [f"{step}/{other}" for other in references(item) if other in _resources(template)]
            _add_resource(graph, f"{step}/{name}", item, [f"{step}/start", *inside], seconds)
        graph.add(f"{step}/end", step, 0.0, [f"{step}/{name}" for name in ("start", *_resources(template))])
    return graph


def limit(templates: Sequence[StackTemplate], order: Order, *, seconds: Seconds = duration_of) -> Forecast:
    """The same without stacks: only what refers to something waits for it, and code in the VPC for its ways out."""
    graph = _Graph()
    by_name: dict[str, StackTemplate] = {template.stack: template for template in templates}
    ways_out = [
        f"{template.stack}/{name}"
        for template in templates
        for name, item in _resources(template).items()
        if item["Type"] in _WAYS_OUT
    ]
    for template in templates:
        resources = _resources(template)
        for name, item in resources.items():
            after = set[str]()
            for other in references(item):
                after.update(_behind(template, other, by_name, order))
            if item["Type"].startswith(_RUNNERS):
                after.update(ways_out)
            if item["Type"] == "AWS::ECS::Service" and "migrate" in order:
                after.add("migrate")
            _add_resource(graph, f"{template.stack}/{name}", item, after, seconds)
    if "image" in order:
        graph.add("image", "image", IMAGE_SECONDS, _of_type(templates, "AWS::ECR::Repository"))
    if "migrate" in order:
        needed = [*_of_type(templates, "Custom::DbInit"), *_of_type(templates, "AWS::ECS::Cluster"), *ways_out]
        jobs = by_name.get("jobs")
        needed += [f"jobs/{name}" for name in _resources(jobs)] if jobs else []
        graph.add("migrate", "migrate", RELEASE_TASK_SECONDS, needed)
    return graph.longest()


def change(before: Sequence[StackTemplate], after: Sequence[StackTemplate], order: Order) -> Forecast:
    """A deploy that changes these templates' resources; values that pass from stack to stack are taken to stay."""
    graph = _Graph()
    old = {template.stack: template for template in before}
    stacks = {template.stack for template in after}
    for template in after:
        step, known = template.stack, _resources(template)
        changed = _changed(old.get(step, template), template)
        waits = [f"{name}/end" for name in order[step] if name in stacks]
        graph.add(f"{step}/start", "a stack by itself", STACK_SECONDS if changed else 0.0, waits)
        for name, (kind, took) in changed.items():
            inside = [f"{step}/{other}" for other in references(known.get(name, {})) if other in changed]
            graph.add(f"{step}/{name}", kind, took, [f"{step}/start", *inside])
        graph.add(f"{step}/end", step, 0.0, [f"{step}/{name}" for name in ("start", *changed)])
    return graph.longest()


def _changed(old: StackTemplate, new: StackTemplate) -> dict[str, tuple[str, float]]:
    """Type and seconds of what changes, and of what refers to something that is replaced, by logical id."""
    known = _resources(new)
    found: dict[str, tuple[str, float]] = {}
    replaced: set[str] = set()
    for item in compare.resource_changes(compare.parse(old.body), compare.parse(new.body)):
        if item.action == "remove":
            found[item.logical_id] = (item.type, seconds_to_delete(item.type))
        elif item.action == "add" or item.replacement == "yes":
            properties = known[item.logical_id].get("Properties", {})
            found[item.logical_id] = (item.type, duration_of(item.type, properties).create)
            replaced.add(item.logical_id)
        else:
            found[item.logical_id] = (item.type, seconds_to_update(item.type))
    for name, item in known.items():
        if name not in found and not replaced.isdisjoint(references(item)):
            found[name] = (item["Type"], seconds_to_update(item["Type"]))
    return found


def removal(templates: Sequence[StackTemplate], used_by: Mapping[str, Sequence[str]]) -> Forecast:
    """Removing these stacks, each after those that use it, and in each what refers to something before that."""
    graph = _Graph()
    stacks = {template.stack for template in templates}
    for template in templates:
        step, known = template.stack, _resources(template)
        waits = [f"{name}/end" for name in used_by.get(step, ()) if name in stacks]
        graph.add(f"{step}/start", "a stack by itself", STACK_SECONDS, waits)
        for name, item in known.items():
            graph.add(f"{step}/{name}", item["Type"], seconds_to_delete(item["Type"]), [f"{step}/start"])
        for name, item in known.items():
            for other in set(references(item)) & set(known):
                graph.after[f"{step}/{other}"].add(f"{step}/{name}")
        graph.add(f"{step}/end", step, 0.0, [f"{step}/{name}" for name in ("start", *known)])
    return graph.longest()


def _add_resource(graph: _Graph, name: str, item: Mapping[str, Any], after: Iterable[str], seconds: Seconds) -> None:
    took = seconds(item["Type"], item.get("Properties", {}))
    if took.grade == "C":
        graph.guessed.add(item["Type"])
    graph.add(name, item["Type"], took.create, after)


def _behind(template: StackTemplate, name: str, by_name: Mapping[str, StackTemplate], order: Order) -> Iterator[str]:
    """What a reference leads to: a resource of the stack, or through a parameter those behind another's output."""
    if name in _resources(template):
        yield f"{template.stack}/{name}"
        return
    source = template.parameters.get(name)
    if isinstance(source, FromContext) and source.key == "image_uri" and "image" in order:
        yield "image"
    if isinstance(source, FromOutput) and source.stack in by_name:
        other = by_name[source.stack]
        output = compare.parse(other.body).get("Outputs", {}).get(source.output, {})
        for each in references(output):
            yield from _behind(other, each, by_name, order)


def _of_type(templates: Sequence[StackTemplate], resource_type: str) -> list[str]:
    return [
        f"{template.stack}/{name}"
        for template in templates
        for name, item in _resources(template).items()
        if item["Type"] == resource_type
    ]


def _resources(template: StackTemplate) -> Mapping[str, Any]:
    found: Mapping[str, Any] = compare.resources_of(template.body)
    return found


def references(value: Any) -> Iterator[str]:
    """Names that a part of a template refers to by Ref, GetAtt, Sub or DependsOn."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if key == "Ref":
            yield str(each)
        elif key == "Fn::GetAtt":
            yield str(each[0] if isinstance(each, list) else str(each).split(".", 1)[0])
        elif key == "DependsOn":
            yield from [each] if isinstance(each, str) else each
        else:
            if key == "Fn::Sub":
                yield from _SUB.findall(each if isinstance(each, str) else each[0])
            yield from references(each)
