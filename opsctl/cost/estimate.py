"""A month of an environment in dollars: what is known, what rests on assumptions, and what nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from opsctl.config.models import Usage
from opsctl.cost.billing import Billing, Component
from opsctl.cost.prices import Price, PriceTable
from opsctl.cost.rules import components
from opsctl.cost.scene import Scene, StackContent
from opsctl.cost.traffic import capacity

_CENT = Decimal("0.01")
LEFT_OUT = (
    "tax, discounts and support",
    "calls of S3, KMS and Secrets Manager, keys that KMS rotated, and data between zones",
    "tasks that are started by hand, releases' among them",
    "hosted zones, secrets set by `opsctl secret` and what deploys put together of them, and whatever else no stack "
    "of the environment holds",
)
"""What a bill may have beside the estimate, however good its prices are."""


def cents(amount: Decimal) -> float:
    """Dollars, rounded to cents, for JSON."""
    return float(amount.quantize(_CENT, ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Line:
    """Components of one price together. `price` is None where nobody knows it; then so is `usd`."""

    what: str
    item: str
    region: str
    quantity: Decimal
    price: Price | None
    resources: tuple[str, ...]
    usage: tuple[str, ...]

    @property
    def usd(self) -> Decimal | None:
        """Dollars a month, not rounded. Nothing of something costs nothing, whatever its price."""
        if not self.quantity:
            return Decimal(0)
        return None if self.price is None else self.quantity * self.price.usd

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        price = self.price
        return {
            "what": self.what, "item": self.item, "region": self.region, "quantity": round(float(self.quantity), 4),
            "unit": price.unit if price else None,
            "usd": None if self.usd is None else cents(self.usd),
            "price": price and {"usd": float(price.usd), "grade": price.grade, "date": price.date,
                                "source": price.source},
            "resources": list(self.resources), "usage": list(self.usage),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Allowance:
    """What AWS gives every account each month, for all that is in it."""

    item: str
    quantity: Decimal
    text: str


# Always free, whenever the account was made. [aws.amazon.com/cloudwatch/pricing, /cloudfront/pricing; what goes to the
# internet: unverified, from memory]
FREE_TIER = (
    Allowance("alarm", Decimal(10), "10 alarms"),
    Allowance("logs.in", Decimal(5), "5 GB of logs"),
    Allowance("cloudfront.gb", Decimal(1024), "1 TB from CloudFront"),
    Allowance("cloudfront.requests", Decimal(1000), "10 million requests to CloudFront"),
    Allowance("out.gb", Decimal(100), "100 GB to the internet"),
)


@dataclass(frozen=True, slots=True)
class Saving:
    """What of the estimate the free tier takes off, where nothing else of the account uses it up."""

    text: str
    usd: Decimal


@dataclass(frozen=True)
class Estimate:
    """A month of one environment. `budget` is None where there is none; `assumptions` are by their settings' names."""

    environment: str
    region: str
    lines: tuple[Line, ...]
    assumptions: Mapping[str, Decimal]
    budget: Decimal | None = None

    @property
    def total(self) -> Decimal:
        """What is known of it."""
        return sum((line.usd for line in self.lines if line.usd is not None), Decimal(0))

    @property
    def by_usage(self) -> Decimal:
        """What of the total rests on assumptions."""
        return sum((line.usd for line in self.lines if line.usd is not None and line.usage), Decimal(0))

    @property
    def unverified(self) -> Decimal:
        """What of the total rests on prices without a record."""
        poor = (line for line in self.lines if line.price is not None and not line.price.verified)
        return sum((line.usd for line in poor if line.usd is not None), Decimal(0))

    @property
    def unknown(self) -> tuple[Line, ...]:
        """Lines whose price nobody knows: the bill is higher by them."""
        return tuple(line for line in self.lines if line.usd is None)

    @property
    def over_budget(self) -> bool:
        """Whether what is known alone is more than the budget."""
        return self.budget is not None and self.total > self.budget

    @property
    def free_tier(self) -> tuple[Saving, ...]:
        """What the always-free amounts would take off; the total has it in it still."""
        return tuple(self._savings())

    def _savings(self) -> Iterator[Saving]:
        for allowance in FREE_TIER:
            found = [line for line in self.lines if line.item == allowance.item and line.price is not None]
            quantity = min(sum((line.quantity for line in found), Decimal(0)), allowance.quantity)
            if quantity and found[0].price is not None:
                yield Saving(allowance.text, quantity * found[0].price.usd)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; dollars a month."""
        return {
            "environment": self.environment, "region": self.region, "currency": "USD", "total": cents(self.total),
            "by_usage": cents(self.by_usage), "unverified": cents(self.unverified), "unknown": len(self.unknown),
            "budget": None if self.budget is None else float(self.budget), "over_budget": self.over_budget,
            "lines": [line.to_dict() for line in self.lines],
            "assumptions": {name: round(float(value), 4) for name, value in self.assumptions.items()},
            "free_tier": [{"what": each.text, "usd": cents(each.usd)} for each in self.free_tier],
            "left_out": list(LEFT_OUT),
        }  # fmt: skip


def estimate(
    environment: str, region: str, stacks: Iterable[StackContent], usage: Usage, table: PriceTable,
    budget: Decimal | None = None,
) -> Estimate:  # fmt: skip
    """What these stacks cost a month, the dearest first and what nobody knows last."""
    billing = Billing(Scene.of(stacks), usage)
    lines = priced(components(billing), table)
    ordered = sorted(lines, key=lambda line: (line.usd is None, -(line.usd or 0), line.what))
    named = {name for line in ordered for name in line.usage}
    assumptions = {name: billing.assumed(name) for name in Usage.model_fields if name in named}
    if "requests" in assumptions and billing.usage.lcu is None:
        assumptions["lcu"] = capacity(billing)
    return Estimate(environment, region, tuple(ordered), assumptions, budget)


def priced(found: Iterable[Component], table: PriceTable) -> list[Line]:
    """Components of the same thing in one line each, with its price."""
    together: dict[tuple[str, str, str], list[Component]] = {}
    for each in found:
        together.setdefault((each.what, each.item, each.region), []).append(each)
    return [
        Line(
            what, item, region, sum((each.quantity for each in parts), Decimal(0)), table.price(item, region),
            tuple(dict.fromkeys(name for each in parts for name in each.resources)),
            tuple(dict.fromkeys(name for each in parts for name in each.usage)),
        )
        for (what, item, region), parts in together.items()
    ]  # fmt: skip
