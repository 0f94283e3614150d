"""Plans and states as text for people."""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING, Any

from opsctl.cli import output
from opsctl.deploy.planning.compare import ResourceChange
from opsctl.deploy.planning.plan import Plan, StackPlan

if TYPE_CHECKING:
    from opsctl.deploy.deployment import DeployResult
    from opsctl.deploy.planning.forecast import Forecast
    from opsctl.local.target import LocalStatus

_SIGNS = {"add": "+", "modify": "~", "remove": "-"}


def plan_text(plan: Plan, *, resources: bool = True) -> str:
    """A plan: a line per stack, below it what changes, and what would be lost last."""
    lines = [f"Plan for {plan.environment}:"]
    for stack in plan.stacks:
        lines.append(f"  {stack.stack:<10} {_headline(stack)}")
        if resources and stack.is_change:
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
    if plan.expected is not None:
        lines.append(expected_text(plan.expected))
    lines += [f"! {text}" for text in (*plan.notes, *plan.problems)]
    for risk in plan.risks:
        lines.append(f"! {risk.text()}. It is refused without --allow-replace {risk.logical_id}.")
    return "\n".join(lines)


def expected_text(forecast: Forecast) -> str:
    """What a first deploy takes, and the three waits of it that are longest."""
    longest = sorted(forecast.path, key=lambda leg: -leg.seconds)[:3]
    what = ", ".join(f"{leg.name} {leg.seconds / 60:.1f}" for leg in longest)
    return f"Takes about {max(1, round(forecast.minutes))} minutes on AWS, most of it: {what}."


def _headline(stack: StackPlan) -> str:
    if not stack.is_change:
        return stack.action
    added = sum(change.action == "add" for change in stack.changes)
    count = f", {added} resources" if stack.action == "create" else ""
    waits = f"; waits for {', '.join(stack.waits_for)}" if stack.waits_for else ""
    return f"{stack.action} ({stack.reason}{count}{waits})"


def _details(stack: StackPlan) -> list[str]:
    lines = []
    if stack.action != "create":
        lines += [f"      {_change(change)}" for change in stack.changes]
    for parameter in stack.parameters:
        new = "removed" if parameter.new is None else parameter.new
        lines.append(f"      parameter {parameter.name}: {parameter.old or '(none)'} → {new}")
    return lines


def _change(change: ResourceChange) -> str:
    note = {"yes": " REPLACED", "maybe": " perhaps replaced", "no": ""}[change.replacement]
    causes = f" ({', '.join(change.causes[:4])})" if change.causes else ""
    return f"{_SIGNS[change.action]} {change.logical_id} {change.type}{note}{causes}"


def outputs_text(outputs: dict[str, dict[str, str]]) -> str:
    """Outputs of all stacks as a table."""
    rows = [(stack, key, value) for stack, values in outputs.items() for key, value in sorted(values.items())]
    return output.table(("STACK", "OUTPUT", "VALUE"), rows) if rows else "No stack is deployed."


def deployed_text(result: DeployResult, url: str) -> str:
    """How a deploy ended, and where the service answers."""
    if not result.changed:
        first = f"{result.environment} is up to date; nothing was changed."
    else:
        number = f" as release {result.release}" if result.release else ""
        first = f"{result.environment} is deployed{number}."
    return f"{first}\nService: {url}" if url else first


def local_text(status: LocalStatus) -> str:
    """What runs on this machine."""
    if not status.running or status.endpoints is None:
        return "The local target does not run. `opsctl deploy --env local` starts it."
    ends = status.endpoints
    rows = [
        ("emulator", ends.endpoint_url, f"pid {status.emulator_pid}"),
        ("postgres", f"{ends.postgres_host}:{ends.postgres_port}", f"pid {status.postgres_pid}"),
    ]
    rows += [
        (f"service {item.name}", "", f"{item.running} of {item.desired} running, {item.healthy} healthy")
        for item in status.services
    ]
    rows += [("load balancer", url, "") for url in status.urls]
    rows += [(f"container {each.name}", each.image, each.status) for each in status.containers]
    recorded = [
        textwrap.fill(
            each, output.WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False,
            break_on_hyphens=False,
        )
        for each in status.record_only
    ]  # fmt: skip
    return "\n".join([output.table(("WHAT", "WHERE", "STATE"), rows), "Only recorded, without effect here:", *recorded])


def exports(variables: dict[str, str]) -> str:
    """Variables for a POSIX shell; what would count before them is unset."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*lines, "unset AWS_PROFILE AWS_SESSION_TOKEN"])


def secrets_text(found: list[dict[str, Any]]) -> str:
    """Which secrets have a value, and who gives them one."""
    rows = [
        (each["name"], "is there" if each["there"] else "not set yet", each["changed"][:19] or "-", _giver(each))
        for each in found
    ]
    return (
        output.table(("SECRET", "VALUE", "CHANGED", "COMES FROM"), rows)
        if rows
        else "The application names no secrets."
    )


def _giver(secret: dict[str, Any]) -> str:
    known = {"set": f"opsctl secret set {secret['name']}", "generate": "opsctl deploy makes it"}
    return str(secret["note"] or known.get(secret["source"], secret["source"]))


def jobs_text(found: list[dict[str, Any]]) -> str:
    """When each job runs, and what."""
    rows = [
        (each["name"], f"{each['schedule']} ({each['timezone']})" if each["schedule"] else "by hand",
         shlex.join(each["command"]))
        for each in found
    ]  # fmt: skip
    return output.table(("JOB", "SCHEDULE", "COMMAND"), rows) if rows else "The application has no jobs."
