"""What a rule makes of resources: components, each a quantity of something that has a price."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from opsctl.config.models import Usage
from opsctl.cost.scene import Resource, Scene

HOURS = Decimal(730)
"""Hours of a month, as AWS's calculator has them."""
DAYS = HOURS / 24


@dataclass(frozen=True, slots=True)
class Component:
    """One billed thing. `item` is the price's, `quantity` in its unit; `usage` names assumptions that it rests on."""

    what: str
    item: str
    region: str
    quantity: Decimal
    resources: tuple[str, ...]
    usage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Billing:
    """What a rule knows beside the resources of its type."""

    scene: Scene
    usage: Usage

    def assumed(self, name: str) -> Decimal:
        """An assumption's value; 0 for one that is left to be worked out."""
        return exact(getattr(self.usage, name) or 0)


Rule = Callable[[Sequence[Resource], Billing], Iterator[Component]]
"""The components of all resources of one type, of which there is at least one."""


def exact(value: float) -> Decimal:
    """A number as it was written."""
    return Decimal(str(value))


def each(what: str, item: str, quantity: Decimal | int = 1) -> Rule:
    """The rule that every resource is billed the same, whatever its properties say."""

    def rule(resources: Sequence[Resource], _: Billing) -> Iterator[Component]:
        for one in resources:
            yield Component(what, item, one.region, Decimal(quantity), (one.name,))

    return rule


def together(what: str, item: str, assumption: str) -> Rule:
    """A rule for types of which one assumption says what all are billed for together, however many there are."""

    def rule(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
        yield shared(what, item, resources, billing.assumed(assumption), assumption)

    return rule


def shared(what: str, item: str, resources: Sequence[Resource], quantity: Decimal, *usage: str) -> Component:
    """One component of several resources, in the region of the first."""
    return Component(what, item, resources[0].region, quantity, tuple(one.name for one in resources), usage)
