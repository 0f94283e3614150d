"""Policies of the example environments, and an evaluator of IAM's rules that is not ours: the emulator's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator

from opsctl.aws.regions import commercial_regions
from opsctl.config.checked import Known
from opsctl.config.loader import load
from opsctl.stacks.access.changing import deploy
from opsctl.stacks.access.grounds import Grounds
from opsctl.stacks.parts.policies import Statement, document

ROOT = Path(__file__).parents[4]
ACCOUNT, ANOTHER = "123456789012", "999999999999"
ENVIRONMENTS = ("dev", "hml", "prd")
TAGS = ("aws:resourcetag/", "aws:requesttag/")


@cache
def grounds(name: str) -> Grounds:
    """An environment of the example file."""
    environments = load(ROOT / "environments.yaml", known=Known(commercial_regions())).environments
    return Grounds(environments[name], ACCOUNT, ACCOUNT)


@cache
def deployers(name: str) -> tuple[Statement, ...]:
    """The statements of who deploys it."""
    return tuple(deploy(grounds(name)))


@dataclass(frozen=True)
class Request:
    """A call, as IAM sees it: `keys` are what conditions ask for, `owner` the account that has the resource."""

    action: str
    resource: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ACCOUNT


class Policy:
    """A policy of these statements; of them only those that name a call's action are asked about it, found once."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self._statements = iam_evaluator.parse_policy_document(document(*statements))
        self._naming: dict[str, list[iam_evaluator.ParsedStatement]] = {}

    def allows(self, request: Request) -> bool:
        """Whether it lets the call through."""
        naming = self._naming.get(request.action)
        if naming is None:
            naming = self._naming[request.action] = [
                each
                for each in self._statements
                if iam_evaluator._action_matches(request.action, each.actions, each.not_actions)
            ]
        context = iam_evaluator.EvalContext(
            # Where an ARN names no account, the evaluator takes the caller's for the resource's.
            principal_arn=f"arn:aws:iam::{ACCOUNT}:role/deployer", principal_type="AssumedRole",
            principal_account=request.owner, action=request.action, resource_arn=request.resource, region="us-east-1",
            service_context={key.lower(): value for key, value in request.keys.items()},
        )  # fmt: skip
        return bool(iam_evaluator.evaluate(context, [naming]).decision == "Allow")


def allows(statements: Sequence[Statement], request: Request) -> bool:
    """Whether a policy of these statements lets the call through."""
    return Policy(statements).allows(request)


def listed(value: str | list[str]) -> list[str]:
    """What may be one or several."""
    return [value] if isinstance(value, str) else value


def requests(statement: Statement) -> Iterator[Request]:
    """A call for each action and resource of a statement, such that its conditions hold."""
    keys = {
        key: listed(expected)[0].replace("*", "x")
        for block in statement.get("Condition", {}).values()
        for key, expected in block.items()
    }
    owner = keys.pop("aws:ResourceAccount", ACCOUNT)
    for action in listed(statement["Action"]):
        for resource in listed(statement["Resource"]):
            yield Request(action.replace("*", "X"), resource if resource == "*" else sample(resource), keys, owner)


def sample(resource: str) -> str:
    """An ARN that a pattern matches."""
    return resource.replace("*", "x1")


def by_tags(statement: Statement) -> bool:
    """Whether tags are the fence."""
    keys = [key.lower() for block in statement.get("Condition", {}).values() for key in block]
    return any(key.startswith(TAGS) for key in keys)


def elsewhere(request: Request) -> Request:
    """The same call on something that is no environment's."""
    head = request.resource.split(":")[:5]
    return replace(request, resource=":".join([*head, "unrelated/unrelated"]))
