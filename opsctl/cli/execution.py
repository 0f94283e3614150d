"""Running a deployment under a progress display: plan, refuse or ask, execute."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.cli import output, render_plan
from opsctl.deploy.checks.preflight import PreflightError
from opsctl.deploy.events import Emit, RunStarted, silent
from opsctl.deploy.failures import RefusedChangeError, StackFailedError, UnapprovedError
from opsctl.deploy.journal import Journal, recording
from opsctl.deploy.planning.plan import Consent, Plan
from opsctl.deploy.planning.plan_file import PlanFile
from opsctl.deploy.tasks import TaskFailedError
from opsctl.errors import UsageError
from opsctl.operate import known_releases
from opsctl.operate.assembly import deployment
from opsctl.operate.serving import require_serving
from opsctl.operate.target import Target
from opsctl.operate.tasks import UnmigratedModels, explained

if TYPE_CHECKING:
    from opsctl.deploy.deployment import Deployment, DeployResult
    from opsctl.deploy.lock import Run
    from opsctl.deploy.planning.situation import Request

Listening = Callable[..., AbstractContextManager[Emit]]


def execute(
    target: Target,
    request: Request,
    consent: Consent,
    listening: Listening,
    *,
    as_json: bool,
    yes: bool,
    approve: str | None = None,
    kept: PlanFile | None = None,
    wait: int = 0,
) -> DeployResult:
    """Plan, stop at what was not allowed, ask what needs an answer, then do it.

    `approve` is the id of the one plan that is agreed to, `kept` the one of a file. `wait`: minutes for which the end
    of somebody else's command is waited for; what is planned then is looked at again.
    """
    work = deployment(target, request, wait_minutes=wait)
    plan = work.plan()
    refuse(plan, consent)
    for note in (*target.workspace.configuration.notes, *plan.notes):
        output.note(note)
    if kept is not None:
        refuse_moved(kept, work.plan_file(plan))
        approve = approve or plan.id
    consent = agreed(plan, consent, local=target.is_local, as_json=as_json, yes=yes, approve=approve)
    if kept is not None:
        consent = replace(consent, basis=kept.stacks)
    if plan.is_empty:
        result = work.execute(plan, silent, consent)
        if any(item.stack == "app" for item in plan.stacks):
            require_serving(target, result.outputs)
        return result
    if _recreates_data(plan, target) and not consent.recreate_data:
        output.note(render_plan.plan_text(plan))
        output.confirm(
            "An empty database that a failed deploy left is deleted and made again. Go on?", yes=yes, as_json=as_json
        )
        consent = replace(consent, recreate_data=True)
    elif plan.expected is not None:
        output.note(render_plan.expected_text(plan.expected))
    _note_credentials(target, work, plan)
    return _carry_out(target, work, plan, consent, listening, as_json=as_json)


def _note_credentials(target: Target, work: Deployment, plan: Plan) -> None:
    """Say so where the credentials end before the work may be done."""
    ends = target.aws.credentials_end()
    if ends is not None and (short := render_plan.lifetime_text(ends, work.may_take(plan), time.time())):
        output.note(short)


def _carry_out(
    target: Target, work: Deployment, plan: Plan, consent: Consent, listening: Listening, *, as_json: bool
) -> DeployResult:
    """Do what was agreed to, under a progress display and into a record."""
    journal = Journal(target.workspace.root, target.env.name, work.run.id, work.redact)
    unmigrated = UnmigratedModels()
    with (
        listening(journal, unmigrated, as_json=as_json) as emit,
        recording(journal, _asked(plan, work.run), lambda kept: work.keep_record(kept.body), emit),
    ):
        try:
            result = work.execute(plan, emit, consent, review=lambda again: refuse(again, consent))
            _remember(target, result.release)
            return result
        except TaskFailedError as error:
            raise explained(error) from error
        finally:
            unmigrated.repeat(emit)


def _remember(target: Target, release: int | None) -> None:
    """Let shells complete the new release."""
    if release is not None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        made = known_releases.Known(release, at)
        known_releases.remember_new(target.workspace.root, target.env.name, made, local=target.is_local)


def agreed(plan: Plan, consent: Consent, *, local: bool, as_json: bool, yes: bool, approve: str | None) -> Consent:
    """What may be done of the plan, after asking where AWS would widen, replace or interrupt something.

    Raises UnapprovedError where nobody can be asked, and for the id of another plan.
    """
    if approve is not None and approve != plan.id:
        raise UnapprovedError(
            f"The plan is {plan.id} now, not {approve}, so nothing was changed.",
            code="other-plan",
            detail=tuple(render_plan.plan_text(plan).splitlines()),
            hint=f"If it is what you want: --approve {plan.id}",
        )
    if approve is not None:
        return replace(consent, approved=frozenset(plan.reasons), recreate_data=True)
    if yes or local:
        return consent
    asks = replace(consent, approved=frozenset()).unseen(plan.reasons)
    if not asks:
        return replace(consent, approved=frozenset(plan.reasons))
    if not output.can_ask(as_json=as_json):
        raise UnapprovedError(
            f"Deploying {plan.environment} needs an answer, and nobody can be asked here; nothing was changed.",
            detail=tuple(render_plan.asks_text(plan, asks).splitlines()),
            hint=f"Look at `opsctl diff`. If it is what you want: --approve {plan.id}, or --yes for any plan.",
        )
    output.note(render_plan.plan_text(plan))
    output.note(render_plan.asks_text(plan, asks))
    output.confirm("Go on?", yes=False, as_json=as_json)
    return replace(consent, approved=frozenset(plan.reasons))


def approved_plan(path: Path, target: Target, stacks: Sequence[str] | None, image_tag: str | None) -> PlanFile:
    """The plan that a file holds, for this environment. Raises UsageError for any other, and for a second selection."""
    kept = PlanFile.read(path)
    if kept.environment != target.env.name:
        raise UsageError(
            f"{path} is a plan for {kept.environment}, not for {target.env.name}, so nothing was changed.",
            code="bad-plan-file",
            hint=f"Deploy with --env {kept.environment}, or write another: `opsctl diff --out FILE`.",
        )
    if stacks or image_tag is not None:
        raise UsageError(
            f"{path} says which stacks and which image, so neither can be given beside it.",
            hint="Leave them away, or leave --plan away.",
        )
    return kept


def refuse_moved(kept: PlanFile, now: PlanFile) -> None:
    """Stop where the plan of a file is not the one that would be carried out now."""
    moved = tuple(kept.moved(now))
    if moved:
        raise UnapprovedError(
            f"{kept.environment} has moved since the plan was made, so nothing was changed.",
            code="plan-moved",
            detail=moved,
            hint="Look at it again: `opsctl diff --out FILE`.",
        )


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
