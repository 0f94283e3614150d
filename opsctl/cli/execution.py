"""Running a deployment under a progress display: plan, refuse or ask, execute."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from opsctl.cli import output, render
from opsctl.deploy.checks.preflight import PreflightError
from opsctl.deploy.events import Emit, silent
from opsctl.deploy.failures import RefusedChangeError, StackFailedError
from opsctl.deploy.journal import Journal
from opsctl.deploy.planning.plan import Consent, Plan
from opsctl.deploy.tasks import TaskFailedError
from opsctl.operate.assembly import deployment
from opsctl.operate.target import Target
from opsctl.operate.tasks import UnmigratedModels, explained

if TYPE_CHECKING:
    from opsctl.deploy.deployment import DeployResult
    from opsctl.deploy.planning.situation import Request

Listening = Callable[..., AbstractContextManager[Emit]]


def execute(
    target: Target, request: Request, consent: Consent, listening: Listening, *, as_json: bool, yes: bool, wait: int = 0
) -> DeployResult:
    """Plan, stop at what was not allowed, ask about a half-made database, then do it.

    `wait`: minutes for which the end of somebody else's command is waited for; what is planned then is looked at again.
    """
    work = deployment(target, request, wait_minutes=wait)
    plan = work.plan()
    refuse(plan, consent)
    for note in (*target.workspace.configuration.notes, *plan.notes):
        output.note(note)
    if plan.is_empty:
        return work.execute(plan, silent, consent)
    if _recreates_data(plan, target) and not yes:
        output.note(render.plan_text(plan))
        output.confirm(
            "An empty database that a failed deploy left is deleted and made again. Go on?", yes=yes, as_json=as_json
        )
        consent = replace(consent, recreate_data=True)
    elif plan.expected is not None:
        output.note(render.expected_text(plan.expected))
    if short := render.lifetime_text(target.aws.credentials_end(), plan.expected, time.time()):
        output.note(short)
    journal = Journal(target.workspace.root, target.env.name, work.run.id)
    unmigrated = UnmigratedModels()
    with listening(journal, unmigrated, as_json=as_json) as emit:
        try:
            return work.execute(plan, emit, consent, review=lambda again: refuse(again, consent))
        except TaskFailedError as error:
            raise explained(error) from error
        finally:
            unmigrated.repeat(emit)


def refuse(plan: Plan, consent: Consent) -> None:
    """Stop before anything is touched when a stack can't be deployed, or the plan loses data that nobody gave up."""
    if plan.refused:
        stack = plan.refused[0]
        raise StackFailedError(
            f"{stack.physical_name} is {stack.status}, which a person has to repair, so nothing was changed.",
            detail=tuple(f"{item.stack}: {item.reason}" for item in plan.refused),
            hint=f"Look at `aws cloudformation describe-stack-events --stack-name {stack.physical_name}`.",
        )
    if plan.problems:
        raise PreflightError(
            f"{plan.environment} can't be deployed as it is, so nothing was changed.",
            detail=plan.problems,
            hint="Correct what is named above, then deploy again.",
        )
    risks = [risk for risk in plan.risks if risk.logical_id not in consent.allow_replace]
    if risks:
        flags = " ".join(f"--allow-replace {risk.logical_id}" for risk in risks)
        raise RefusedChangeError(
            "This deploy would lose data, so nothing was changed.",
            detail=tuple(f"{risk.text()}." for risk in risks),
            hint=f"If that is what you want: {flags}",
        )


def _recreates_data(plan: Plan, target: Target) -> bool:
    from opsctl.deploy.planning.statuses import Action

    stateful = {template.stack for template in target.templates if template.stateful}
    return any(
        stack.stack == "data" and stack.stack in stateful and stack.action is Action.RECREATE for stack in plan.stacks
    )
