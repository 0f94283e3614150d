"""A plan as text for people: what changes, property by property, who may do more, and what is interrupted."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opsctl.cli import output
from opsctl.cli.render_cost import change_text
from opsctl.deploy.planning.compare import ResourceChange
from opsctl.deploy.planning.plan import Plan, Reason, StackPlan

if TYPE_CHECKING:
    from opsctl.deploy.planning.forecast import Forecast
    from opsctl.deploy.review.changes import PropertyChange

_SIGNS = {"add": "+", "modify": "~", "remove": "-"}
_RESOURCE, _PROPERTY, _VALUE = 6, 10, 12
# Columns of the tables below the stacks.
_WORD = 14


def plan_text(plan: Plan) -> str:
    """A plan: a line per stack, below it what changes, then who may do more, and what would be lost last."""
    lines = [f"Plan for {plan.environment} ({plan.id}):"]
    for stack in plan.stacks:
        lines += _filled(f"{stack.stack:<10} {_headline(stack)}", 2, 13)
        if stack.is_change:
            lines += _details(stack)
    if plan.image is not None:
        how = "to be built" if plan.image.build else (plan.image.digest or "")[:19] + "…"
        lines.append(f"  image      {plan.image.repository}:{plan.image.tag} ({how})")
    if plan.secrets:
        lines.append("  secrets    made, or put together again, before a task reads them")
    if plan.migrate:
        lines.append("  migrate    before the service changes")
    if plan.record:
        lines.append("  record     the last deploy ended before it wrote its release record")
    if plan.signature:
        lines.append("  signature  made after the last deploy, to be kept as long as its image")
    if plan.is_empty:
        lines.append("Nothing to do.")
    lines += [*_access(plan), *_interruptions(plan), *_losses(plan), *_asking(plan)]
    if plan.expected is not None:
        lines.append(expected_text(plan.expected))
    if plan.cost is not None and not plan.cost.is_none:
        lines += _filled(f"Cost: {change_text(plan.cost)}.", 0, 2)
    risks = [f"{risk.text()}. It is refused without --allow-replace {risk.logical_id}." for risk in plan.risks]
    for text in (*plan.notes, *plan.problems, *risks):
        lines += _filled(text, 0, 2, "! ")
    return _clean(lines)


def asks_text(plan: Plan, asks: Sequence[Reason]) -> str:
    """What somebody has to agree to, a row each."""
    lines = [f"Needs an answer ({plan.id}):"]
    for each in asks:
        lines += _row(each.kind, f"{each.stack}/{each.logical_id}, {each.text}")
    return _clean(lines)


_SHORTEST = 600.0  # seconds that a deploy may take of which nobody knows more


def expected_text(forecast: Forecast) -> str:
    """What a first deploy takes, and the three waits of it that are longest."""
    longest = sorted(forecast.path, key=lambda leg: -leg.seconds)[:3]
    what = ", ".join(f"{leg.name} {leg.seconds / 60:.1f}" for leg in longest)
    return f"Takes about {max(1, round(forecast.minutes))} minutes on AWS, most of it: {what}."


def lifetime_text(ends: float | None, seconds: float, now: float) -> str:
    """That the credentials end before the work is done, which may take so many `seconds`; "" when they last."""
    takes = max(seconds, _SHORTEST)
    if ends is None or ends - now >= takes:
        return ""
    at = datetime.fromtimestamp(ends, UTC).strftime("%H:%M UTC")
    left = max(0, int((ends - now) // 60))
    return (
        f"The AWS credentials end at {at}, in {left} minutes, and this may take {max(1, round(takes / 60))}: sign in "
        "again before. When they end, others are waited for and it goes on here."
    )


def _clean(lines: Sequence[str]) -> str:
    """The lines as a text in which nothing acts on a terminal: values come from AWS and from files."""
    return "\n".join(output.one_line(line) for line in lines)


def _headline(stack: StackPlan) -> str:
    if not stack.is_change:
        return stack.action
    added = sum(change.action == "add" for change in stack.changes)
    count = f", {added} resources" if stack.action == "create" else ""
    waits = f"; waits for {', '.join(stack.waits_for)}" if stack.waits_for else ""
    return f"{stack.action} ({stack.reason}{count}{waits})"


def _details(stack: StackPlan) -> Iterator[str]:
    for change in stack.changes if stack.action == "update" else ():
        yield f"{' ' * _RESOURCE}{_resource(change)}"
        for each in stack.properties:
            if each.logical_id == change.logical_id:
                yield from _property(each, change, _effect(stack, each))
    for parameter in stack.parameters:
        new = "removed" if parameter.new is None else parameter.new
        yield from _pair(_RESOURCE, f"parameter {parameter.name}", parameter.old or "(none)", new, "")


def _resource(change: ResourceChange) -> str:
    note = {"yes": " REPLACED", "maybe": " perhaps replaced", "no": ""}[change.replacement]
    if note and change.type == "AWS::ECS::TaskDefinition":
        note = " new revision"
    return f"{_SIGNS[change.action]} {change.logical_id} {change.type}{note}"


def _effect(stack: StackPlan, each: PropertyChange) -> str:
    """What the template reference says of the change, unless nothing is expected of this one."""
    told = [one for one in stack.interruptions if one.logical_id == each.logical_id]
    spared = any(not one.interrupts and one.text.startswith(f"{each.path}: none") for one in told)
    return "no interruption expected" if each.effect == "interruption" and spared else each.effect


def _property(each: PropertyChange, change: ResourceChange, effect: str) -> Iterator[str]:
    if change.action == "add":
        yield from _filled(f"{each.path}: {each.after}", _PROPERTY, _VALUE)
    elif change.action == "remove":
        yield from _filled(f"{each.path}: {each.before}", _PROPERTY, _VALUE)
    elif each.cause:
        text = f"{each.path}: {each.before} → another ({effect}, with {each.cause})"
        yield from _filled(text, _PROPERTY, _VALUE)
    else:
        none = "(none)"
        before, after = (none if text is None else text for text in (each.before, each.after))
        if before == after:
            after = f"another {after}" if after.startswith("(") else f"{after}, written differently"
        yield from _pair(_PROPERTY, each.path, before, after, f" ({effect})")


def _pair(indent: int, name: str, before: str, after: str, label: str) -> Iterator[str]:
    """Both values in one line where that is short enough, else one below the other; of many lines those that differ."""
    line = f"{' ' * indent}{name}: {before} → {after}{label}"
    if "\n" not in line and len(line) <= output.columns():
        yield line
        return
    yield from _filled(f"{name}{label}", indent, indent + 2)
    if "\n" in before + after:
        found = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        yield from (f"{' ' * (indent + 2)}{text}" for text in found if not text.startswith(("---", "+++", "@@")))
        return
    for sign, text in (("-", before), ("+", after)):
        yield from _filled(text, indent + 2, indent + 4, sign + " ")


def _access(plan: Plan) -> Iterator[str]:
    rows = [(stack.stack, each) for stack in plan.stacks for each in stack.access]
    if rows:
        yield "Access:"
    for direction in ("wider", "narrower"):
        for stack, each in rows:
            if each.direction == direction:
                yield from _row(direction, f"{stack}/{each.logical_id}, {each.text}")


def _interruptions(plan: Plan) -> Iterator[str]:
    rows = [(stack.stack, each) for stack in plan.stacks for each in stack.interruptions]
    if rows:
        yield "Interruption:"
    for stack, each in sorted(rows, key=lambda row: not row[1].interrupts):
        yield from _row("yes" if each.interrupts else "no", f"{stack}/{each.logical_id}: {each.text}")


def _losses(plan: Plan) -> Iterator[str]:
    rows = [(stack.stack, each) for stack in plan.stacks for each in stack.losses]
    if rows:
        yield "Kept or guarded less:"
    for stack, each in rows:
        yield from _row("lost", f"{stack}/{each.logical_id}, {each.text}")


def _asking(plan: Plan) -> Iterator[str]:
    kinds = [reason.kind for reason in plan.reasons]
    if kinds:
        count = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        yield from _filled(f"On AWS a deploy asks first ({count}); where nobody can answer:", 0, 2)
        yield f"  --approve {plan.id}"


def _row(word: str, text: str) -> Iterator[str]:
    return _filled(f"{word:<{_WORD - 2}}{text}", 2, _WORD)


def _filled(text: str, first: int, then: int, mark: str = "") -> Iterator[str]:
    """The text, after a mark, in lines as wide as the terminal; a word that is longer stands whole."""
    for index, line in enumerate(text.split("\n")):
        begin = " " * first + mark if index == 0 else " " * then
        yield from output.filled(line, output.columns(), first=begin, indent=" " * then)
