"""What is there, or would be: the resources of all stacks of an environment, and what they call each other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# AWS refuses a load balancer or a database in fewer.
_LEAST_ZONES = 2


@dataclass(frozen=True, slots=True)
class StackContent:
    """A stack's template, parsed with long intrinsic forms; `parameters` are the values that conditions ask for."""

    stack: str
    region: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource with its properties, which are `{}` where it has none."""

    stack: str
    id: str
    type: str
    region: str
    properties: Mapping[str, Any]
    kept: bool = False
    """Whether it stays, and goes on costing, when its template drops it."""

    @property
    def name(self) -> str:
        """`egress/NatAGateway`."""
        return f"{self.stack}/{self.id}"

    def number(self, name: str, default: int = 0) -> int:
        """A property that is a number, which templates also write as a string. Raises ValueError for one that is none,
        such as a parameter: what is not known is not 0.
        """
        value = self.properties.get(name)
        if value is None:
            return default
        if isinstance(value, int | str):
            return int(value)
        raise ValueError(f"{self.name}: {name} is no number")


@dataclass(frozen=True)
class Scene:
    """All resources of an environment. Those whose condition does not hold are not there."""

    resources: tuple[Resource, ...]

    @classmethod
    def of(cls, stacks: Iterable[StackContent]) -> Scene:
        """The resources of these stacks."""
        return cls(tuple(each for content in stacks for each in _resources(content)))

    def all(self, kind: str) -> tuple[Resource, ...]:
        """Those of one type."""
        return self.by_type.get(kind, ())

    @cached_property
    def by_type(self) -> Mapping[str, tuple[Resource, ...]]:
        """The resources of each type, in the order of the templates."""
        found: dict[str, list[Resource]] = {}
        for each in self.resources:
            found.setdefault(each.type, []).append(each)
        return {kind: tuple(resources) for kind, resources in found.items()}

    def referred(self, by: Resource, value: Any) -> Resource | None:
        """The resource of the same stack that a `Ref` names."""
        name = value.get("Ref") if isinstance(value, dict) else None
        return next((each for each in self.resources if (each.stack, each.id) == (by.stack, name)), None)

    @cached_property
    def zones(self) -> int:
        """How many zones its subnets are in."""
        zones = {
            json.dumps(each.properties.get("AvailabilityZone"), sort_keys=True) for each in self.all("AWS::EC2::Subnet")
        }
        return max(len(zones), _LEAST_ZONES)


def _resources(content: StackContent) -> Iterator[Resource]:
    for name, item in (content.template.get("Resources") or {}).items():
        condition = item.get("Condition")
        if condition is None or _holds(content, condition):
            kept = str(item.get("DeletionPolicy", "")).startswith("Retain")
            yield Resource(content.stack, name, item["Type"], content.region, item.get("Properties") or {}, kept)


def _holds(content: StackContent, condition: str) -> bool:
    """Whether a condition of the one form that our templates use holds; one that can't be told does."""
    test = (content.template.get("Conditions") or {}).get(condition) or {}
    sides = test.get("Fn::Equals")
    if not isinstance(sides, list) or len(sides) != 2:
        return True
    one, other = (_value(content, side) for side in sides)
    return one is None or other is None or one == other


def _value(content: StackContent, side: Any) -> str | None:
    if not isinstance(side, dict):
        return str(side)
    name = side.get("Ref", "")
    default = (content.template.get("Parameters") or {}).get(name, {}).get("Default")
    return content.parameters.get(name, None if default is None else str(default))
