"""Two scenes of one environment compared: what a deploy adds to a month's bill, and takes from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from opsctl.config.models import Usage
from opsctl.cost.billing import Billing
from opsctl.cost.estimate import Line, cents, priced
from opsctl.cost.prices import PriceTable
from opsctl.cost.rules import components
from opsctl.cost.scene import Scene, StackContent


@dataclass(frozen=True, slots=True)
class CostPart:
    """One thing that is billed more or less than before; `monthly` in dollars, None where nobody knows its price."""

    what: str
    monthly: float | None


@dataclass(frozen=True, slots=True)
class CostChange:
    """What a plan changes of a month's bill, in dollars: in all, as far as it is known, and by what, the most first.

    `total` is what the environment costs afterwards, as far as that is known; `unknown` counts prices nobody knows.
    """

    monthly: float
    parts: tuple[CostPart, ...]
    total: float
    unknown: int = 0

    @property
    def is_none(self) -> bool:
        """Whether the bill stays as it is."""
        return not self.parts


def difference(
    before: Iterable[StackContent], after: Iterable[StackContent], usage: Usage, table: PriceTable
) -> CostChange:
    """What the second costs beyond the first, under the same assumptions and prices. What leaves a stack and stays in
    the account still costs money.
    """
    was, will_be = Scene.of(before), Scene.of(after)
    names = {each.name for each in will_be.resources}
    stays = tuple(each for each in was.resources if each.kept and each.name not in names)
    old, new = (_lines(scene, usage, table) for scene in (was, Scene(will_be.resources + stays)))
    amounts: dict[str, Decimal | None] = {}
    for key in [*new, *(key for key in old if key not in new)]:
        what = key[0]
        change = _quantity(new.get(key)) - _quantity(old.get(key))
        if not change:
            continue
        price = table.price(key[1], key[2])
        known = amounts.get(what, Decimal(0))
        amounts[what] = None if price is None or known is None else known + change * price.usd
    parts = tuple(CostPart(what, None if usd is None else cents(usd)) for what, usd in amounts.items())
    shown = sorted((each for each in parts if each.monthly != 0), key=lambda each: -abs(each.monthly or 0))
    return CostChange(
        cents(sum((usd for usd in amounts.values() if usd is not None), Decimal(0))),
        tuple(shown),
        cents(sum((line.usd for line in new.values() if line.usd is not None), Decimal(0))),
        sum(line.usd is None for line in new.values()),
    )


def _lines(scene: Scene, usage: Usage, table: PriceTable) -> dict[tuple[str, str, str], Line]:
    found = priced(components(Billing(scene, usage)), table)
    return {(line.what, line.item, line.region): line for line in found}


def _quantity(line: Line | None) -> Decimal:
    return Decimal(0) if line is None else line.quantity
