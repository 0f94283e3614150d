"""States and results as text for people."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from opsctl.cli import output
from opsctl.cli.render_status import cell, clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opsctl.deploy.deployment import DeployResult
    from opsctl.local.report import LocalStatus
    from opsctl.operate.cancel import Running


def watched_text(seen: dict[str, Any]) -> str:
    """What came of the operation that was followed, or what ended last where nothing runs."""
    environment, newest, last = seen["environment"], seen["release"], seen["last_stack"]
    lines = ["It ended well."] if seen["running"] else [f"No command works on {environment}: nothing to follow."]
    if seen["changed"]:
        lines.append(f"Changed: {', '.join(seen['changed'])}.")
    if newest is not None:
        lines.append(f"Newest release: {newest['number']} by {newest['by']}, {clock(newest['at'])}.")
    if last is not None:
        lines.append(f"Last changed: {last['stack']}, {last['status']}, {clock(last['at'])}.")
    return "\n".join(lines)


def outputs_text(outputs: dict[str, dict[str, str]]) -> str:
    """Outputs of all stacks as a table."""
    rows = [(stack, key, value) for stack, values in outputs.items() for key, value in sorted(values.items())]
    return output.table(("STACK", "OUTPUT", "VALUE"), rows) if rows else "No stack is deployed."


def deployed_text(result: DeployResult, url: str, *, rolled_back_to: int | None = None) -> str:
    """How a deploy, or a rollback, ended, and where the service answers."""
    if rolled_back_to is not None:
        number = f", as release {result.release}" if result.release else ""
        first = f"{result.environment} runs release {rolled_back_to} again{number}."
        if not result.changed:
            first = f"{result.environment} runs what release {rolled_back_to} was; nothing was changed."
    elif not result.changed:
        first = f"{result.environment} is up to date; nothing was changed."
    else:
        number = f" as release {result.release}" if result.release else ""
        first = f"{result.environment} is deployed{number}."
    return f"{first}\nService: {url}" if url else first


def local_text(status: LocalStatus) -> str:
    """What runs on this machine."""
    if not status.running or status.endpoints is None:
        return "The local target does not run. `opsctl deploy` of one of its environments starts it."
    ends = status.endpoints
    rows = [
        ("emulator", ends.endpoint_url, f"pid {status.emulator_pid}"),
        ("PostgreSQL", f"{ends.postgres_host}:{ends.postgres_port}", f"pid {status.postgres_pid}"),
    ]
    rows += [
        (f"service {item.name}", "", f"{item.running} of {item.desired} running, {item.healthy} healthy")
        for item in status.services
    ]
    rows += [
        (each.kind, each.url, f"{each.service} in {each.environment}" if each.environment else "")
        for each in status.listeners
    ]
    rows += [(f"container {each.name}", each.image, each.status) for each in status.containers]
    recorded = [
        line for each in status.record_only for line in output.filled(each, output.WIDTH, first="  ", indent="    ")
    ]
    return "\n".join([output.table(("WHAT", "WHERE", "STATE"), rows), "Only recorded, without effect here:", *recorded])


def exports(variables: dict[str, str]) -> str:
    """Variables for a POSIX shell; what would count before them is unset."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*lines, "unset AWS_PROFILE AWS_SESSION_TOKEN"])


def secrets_text(found: list[dict[str, Any]]) -> str:
    """Which secrets have a value, and who gives them one."""
    rows = [
        (each["name"], "is there" if each["there"] else "not set yet", cell(each["changed"]), _giver(each))
        for each in found
    ]
    return (
        output.table(("SECRET", "VALUE", "CHANGED (UTC)", "COMES FROM"), rows)
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


def cancelled_json(running: Running, after: Mapping[str, str]) -> dict[str, Any]:
    """What ran, and what became of it. `after` has the statuses of stacks that were followed to their rest."""
    lease = running.lease
    # What was begun after somebody looked had no status then.
    statuses = dict.fromkeys(after, "") | {name: stack.status for name, stack in running.stacks.items()}
    return {
        "environment": running.environment,
        "cancelled": running.is_ended_by_cancel,
        "lease": None if lease is None else {"owner": lease.owner, "id": lease.id, "command": lease.command},
        "stacks": [
            {"stack": name, "status": status, "after": after.get(name, "")} for name, status in statuses.items()
        ],
    }


def cancelled_text(running: Running, after: Mapping[str, str]) -> str:
    """The same for people, in one sentence or two."""
    if not running.is_ended_by_cancel:
        if running.stacks:
            return f"Nothing of {running.environment} can be cancelled now."
        return f"No command works on {running.environment}: nothing to cancel."
    who = f"what {running.lease.owner} runs ({running.lease.command})" if running.lease else "it"
    told = f"Cancelled {who}"
    rest = ", ".join(f"{name} is {status}" for name, status in after.items())
    return f"{told}: {rest}." if rest else f"{told}; it stops before its next change."


def ci_roles_text(repository: str, variables: Mapping[str, Mapping[str, str]], *, ids: bool) -> str:
    """What makes the roles known to the repository's workflows, as commands that can be pasted.

    `ids`: whether the roles expect tokens with the numbers of owner and repository.
    """
    lines = [f"Roles for {repository} are there. Its workflows find them once these have run:"]
    for environment, values in variables.items():
        lines += ["", f"gh api --silent -X PUT repos/{repository}/environments/{environment}"]
        lines += [
            f"gh variable set {name} --repo {repository} --env {environment} --body {value}"
            for name, value in values.items()
        ]
    if not ids:
        lines += [
            "",
            "# Made, renamed or handed over since 15 July 2026? Then its tokens hold numbers,",
            "# and AWS lets its jobs in once this has run again with --subject and what its",
            "# OIDC settings show before `:environment:`; as a rule that is what this prints:",
            f"gh api repos/{repository} --jq '\"repo:\\(.owner.login)@\\(.owner.id)/\\(.name)@\\(.id)\"'",
        ]
    return "\n".join(lines)
