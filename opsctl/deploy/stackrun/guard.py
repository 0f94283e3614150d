"""What stops a change that nobody agreed to: each answers the error to raise, or None.

The plan is a forecast. What AWS says right before, and what was found under the lock, has the last word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from opsctl.deploy.failures import RefusedChangeError, UnapprovedError
from opsctl.deploy.planning import compare, planner
from opsctl.deploy.planning.plan import Basis, Consent, StackPlan
from opsctl.deploy.review.effects import UNNOTICED

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Change
    from opsctl.stacks.model import StackTemplate


def loss(template: StackTemplate, changes: Sequence[Change], consent: Consent) -> RefusedChangeError | None:
    """Replacing or deleting what holds data, by the change set's own word."""
    worse = []
    for change in changes:
        if not planner.holds_data(template, change.logical_id, change.type):
            continue
        if change.logical_id in consent.allow_replace:
            continue
        if change.action == "Remove" or change.replacement == "True" or _may_replace(change):
            what = "deleted" if change.action == "Remove" else "replaced"
            cause = f" because {', '.join(change.causes)} changes" if change.causes else ""
            worse.append((change.logical_id, f"{change.type} {change.logical_id} would be {what}{cause}."))
    if not worse:
        return None
    return RefusedChangeError(
        f"The change to {template.stack} would lose data; nothing of this stack was changed.",
        detail=tuple(text for _, text in worse),
        hint=f"If that is what you want: {' '.join(f'--allow-replace {name}' for name, _ in worse)}",
    )


def unplanned(template: StackTemplate, changes: Sequence[Change], consent: Consent) -> UnapprovedError | None:
    """Replacing what the approved plan did not show as replaced.

    Only where CloudFormation is certain: a conditional replacement is its word for an attribute that mostly stays.
    """
    unseen = [
        f"{change.type} {change.logical_id} would be replaced because {', '.join(change.causes) or 'of it'} changes."
        for change in changes
        if change.replacement == "True" and change.type not in UNNOTICED
        and not consent.may_replace(template.stack, change.logical_id)
    ]  # fmt: skip
    if not unseen:
        return None
    return UnapprovedError(
        f"CloudFormation would replace more in {template.stack} than the plan showed; nothing of it was changed.",
        detail=tuple(unseen),
        hint="Look at `opsctl diff`, then deploy again; --yes agrees to it.",
    )


def unseen(plan: StackPlan, consent: Consent) -> UnapprovedError | None:
    """Updating a stack that had to be settled first, or that somebody else changed, in ways that nobody was shown."""
    found = consent.unseen(plan.reasons)
    if not found:
        return None
    return UnapprovedError(
        f"{plan.stack} is not what it was, and to update it needs an answer first; nothing more of it was changed.",
        detail=tuple(f"{each.logical_id} {each.kind}: {each.text}" for each in found),
        hint="Deploy again: it shows what would change, and asks.",
    )


def moved(environment: str, plans: Iterable[StackPlan], consent: Consent) -> UnapprovedError | None:
    """Something under the lock that is not what was approved: another deploy came between. `plans` are made anew."""
    found: list[str] = []
    for plan in plans:
        if consent.basis is not None:
            found += [f"{plan.stack}: {text}." for text in consent.basis.get(plan.stack, Basis()).moved(plan.basis)]
        found += [f"{plan.stack}: {each.logical_id} {each.kind}: {each.text}" for each in consent.unseen(plan.reasons)]
    if not found:
        return None
    return UnapprovedError(
        f"{environment} has moved since the plan was made, so nothing was changed.",
        code="plan-moved",
        detail=tuple(found),
        hint="Look at `opsctl diff` again.",
    )


def _may_replace(change: Change) -> bool:
    """Whether a Conditional replacement can really come about: not when its causes are known to change in place."""
    known = change.causes and all(compare.replacement_of(change.type, cause) == "no" for cause in change.causes)
    return change.replacement == "Conditional" and not known
