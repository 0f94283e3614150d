"""A month's estimate as text for people: what costs what, what that rests on, and what is not in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from opsctl.cli import output

if TYPE_CHECKING:
    from opsctl.cost.difference import CostChange
    from opsctl.cost.estimate import Estimate, Line
    from opsctl.operate.cost import Refresh

_SHOWN_PARTS = 3


def cost_text(found: Estimate, *, local: bool) -> str:
    """The estimate: a line per price, the sum, then what it rests on."""
    if local:
        return f"{found.environment} runs on this machine and costs nothing."
    lines = [f"{found.environment} in {found.region}, dollars a month at list prices, 730 hours:", ""]
    lines += [_line(line) for line in found.lines if line.usd is not None and (line.usd or line.quantity)]
    lines += [_sum("Total", found.total)]
    if found.by_usage:
        lines.append(_sum("of it by assumption", found.by_usage))
    if found.unverified:
        lines.append(_sum("of it at prices without a record (!)", found.unverified))
    lines += ["", *_unknown(found), *_budget(found), *_rest(found)]
    return "\n".join(lines)


def change_text(change: CostChange) -> str:
    """What a plan changes, in a sentence: `+$34.10 a month: NAT gateway`."""
    known = [part for part in change.parts if part.monthly is not None]
    unknown = [part.what for part in change.parts if part.monthly is None]
    text = f"{_dollars(change.monthly)} a month"
    if len(known) == 1:
        text += f": {known[0].what}"
    elif known:
        named = [f"{part.what} {_dollars(part.monthly or 0)}" for part in known[:_SHOWN_PARTS]]
        more = len(known) - len(named)
        text += f": {', '.join(named)}{f', {more} more' if more else ''}"
    if unknown:
        text += f"; not in it, as nobody knows the price: {', '.join(unknown)}"
    return text


def refresh_text(done: Refresh) -> str:
    """What the Price List API answered."""
    lines = [f"{done.got} of {done.asked} prices from AWS are in {done.path}; {len(done.changed)} differ from before."]
    lines += [
        f"  {new.item} in {new.region}: {f'{old.usd.normalize():f}' if old else 'unknown'} → {new.usd.normalize():f}"
        for old, new in done.changed
    ]
    lines += [f"  {each.item} in {each.region} was not had: {each.why}." for each in done.unanswered]
    return "\n".join(lines)


def _dollars(amount: float) -> str:
    return f"{'-' if amount < 0 else '+'}${abs(amount):,.2f}"


def _line(line: Line) -> str:
    """NAT gateway      2,190 hour × 0.045      98.55; an exclamation mark where the price has no record."""
    assert line.price is not None or not line.quantity
    unit = f" {line.price.unit} × {line.price.usd.normalize():f}" if line.price else ""
    mark = " !" if line.price is not None and not line.price.verified else "  "
    star = " *" if line.usage else ""
    quantity = f"{line.quantity:,.2f}".rstrip("0").rstrip(".")
    return f"  {line.what + star:<34}{quantity + unit:<32}{line.usd or 0:>9,.2f}{mark}".rstrip()


def _sum(text: str, amount: Decimal) -> str:
    return f"{text:<66}{amount:>11,.2f}"


def _unknown(found: Estimate) -> Iterator[str]:
    if found.unknown:
        count = len(found.unknown)
        names = ", ".join(line.what for line in found.unknown)
        yield from _filled(
            f"! Not in the total: {count} {'price is' if count == 1 else 'prices are'} unknown: {names}."
        )


def _budget(found: Estimate) -> Iterator[str]:
    if found.budget is None:
        return
    if found.over_budget:
        over = found.total - found.budget
        yield from _filled(f"! Over the budget of ${found.budget:,.2f} by ${over:,.2f}.")
    else:
        least = "at least " if found.unknown else ""
        yield from _filled(f"The budget is ${found.budget:,.2f}: {least}${found.total:,.2f} of it are used.")


def _rest(found: Estimate) -> Iterator[str]:
    if found.assumptions:
        values = ", ".join(f"{name} {float(value):.4g}" for name, value in found.assumptions.items())
        yield from _filled(f"* Assumed (observability.usage, --usage NAME=NUMBER): {values}.")
    if found.free_tier:
        most = sum((each.usd for each in found.free_tier), Decimal(0))
        what = ", ".join(f"{each.text} -{each.usd:,.2f}" for each in found.free_tier)
        yield from _filled(f"Free tier, not taken off, shared by all of the account: up to {most:,.2f} ({what}).")
    yield from _filled(f"Left out: {'; '.join(_left_out())}.")
    dates = sorted({line.price.date for line in found.lines if line.price is not None})
    if dates:
        asked = sum(line.price is not None and line.price.grade == "API" for line in found.lines)
        api = f", {asked} of them from AWS" if asked else ""
        yield from _filled(
            f"Prices of {dates[0]} to {dates[-1]}{api}; --json has source and grade of each, --update asks AWS."
        )


def _left_out() -> Sequence[str]:
    from opsctl.cost.estimate import LEFT_OUT

    return LEFT_OUT


def _filled(text: str) -> list[str]:
    return output.filled(text, output.columns(), indent="  ")
