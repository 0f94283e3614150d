"""IAM policies of one environment, from its configuration alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opsctl.errors import UsageError
from opsctl.stacks.access.changing import deploy
from opsctl.stacks.access.documents import documents
from opsctl.stacks.access.grounds import Grounds
from opsctl.stacks.access.pushing import publish
from opsctl.stacks.access.reading import plan

if TYPE_CHECKING:
    from opsctl.operate.target import Target
    from opsctl.stacks.parts.policies import Statement

_STATEMENTS: dict[str, Callable[[Grounds], list[Statement]]] = {
    "plan": plan,
    "deploy": deploy,
    "publish": publish,
}


def policy_of(target: Target, purpose: str, account: str | None, part: int | None = None) -> list[dict[str, Any]]:
    """The documents for one purpose, several where a managed policy can't hold all; or one of them by its number.

    Raises UsageError.
    """
    if purpose not in _STATEMENTS:
        raise UsageError(f"There is no policy `{purpose}`.", hint=f"Choose from {', '.join(_STATEMENTS)}.")
    if target.is_local:
        raise UsageError(
            f"{target.env.name} runs on this machine, where nobody is refused anything.",
            hint="Name an environment on AWS with --env.",
        )
    found = documents(_STATEMENTS[purpose](grounds(target, account)))
    if part is None:
        return found
    if part > len(found):
        raise UsageError(f"There are {len(found)} documents.", hint=f"Write --part {len(found)} for the last.")
    return [found[part - 1]]


def grounds(target: Target, account: str | None) -> Grounds:
    """The environment in its account. Raises UsageError where nobody says which that is."""
    account = account or target.env.account_id
    if account is None:
        raise UsageError(
            f"{target.env.name} names no account, and a policy has to.",
            code="no-account",
            hint=f"Add --account, or account_id to environments.{target.env.name}.",
        )
    if not re.fullmatch(r"\d{12}", account):
        raise UsageError(f"`{account}` is no account.", code="bad-account", hint="Write its twelve digits.")
    return Grounds(target.env, account, target.repository_account or account)


def look_alikes(target: Target) -> list[str]:
    """Environments whose resources these policies can't tell from this one's, each in a sentence."""
    mine = Grounds(target.env, "", "")
    return [
        f"{mine.env.name} and {other.name} are too alike in name or tags: a policy for one reaches into both. "
        "Rename one, or give it another account."
        for other in target.workspace.configuration.environments.values()
        if other.target == "aws" and other.name != mine.env.name and mine.is_like(Grounds(other, "", ""))
    ]
