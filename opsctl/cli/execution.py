"""Running a deployment under a progress display: plan, refuse or ask, execute."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from opsctl.cli import output, render
from opsctl.deploy.checks.preflight import PreflightError
from opsctl.deploy.events import Emit, RunStarted, silent
from opsctl.deploy.failures import RefusedChangeError, StackFailedError
from opsctl.deploy.journal import Journal, recording
from opsctl.deploy.planning.plan import Consent, Plan
from opsctl.deploy.tasks import TaskFailedError
from opsctl.operate.assembly import deployment
from opsctl.operate.target import Target
from opsctl.operate.tasks import UnmigratedModels, explained

if TYPE_CHECKING:
    from opsctl.deploy.deployment import DeployResult
    from opsctl.deploy.lock import Run
    from opsctl.deploy.planning.situation import Request

Listening = Callable[..., AbstractContextManager[Emit]]


def execute(
    target: Target, request: Request, consent: Consent, listening: Listening, *, as_json: bool, yes: bool
) -> DeployResult:
    """Plan, stop at what was not allowed, ask about a half-made database, then do it."""
    work = deployment(target, request)
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
    journal = Journal(target.workspace.root, target.env.name, work.run.id, work.redact)
    unmigrated = UnmigratedModels()
    with (
        listening(journal, unmigrated, as_json=as_json) as emit,
        recording(journal, _asked(plan, work.run), lambda kept: work.keep_record(kept.body), emit),
    ):
        try:
            return work.execute(plan, emit, consent)
        except TaskFailedError as error:
            raise explained(error) from error
        finally:
            unmigrated.repeat(emit)


def _asked(plan: Plan, run: Run) -> RunStarted:
    changes = [f"{item.stack}: {item.action}: {item.reason}" for item in plan.stacks if item.is_change]
    more = ["migrate: run the release's commands"] if plan.migrate else []
    tag = plan.image.tag if plan.image is not None else ""
    return RunStarted(run.id, plan.environment, run.command, run.owner, (*changes, *more), tag)


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
