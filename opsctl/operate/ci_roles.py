"""Roles for a repository's CI: who may take them, and in which environments."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from opsctl.errors import UsageError
from opsctl.operate.policies import grounds
from opsctl.stacks import bootstrap, ci

if TYPE_CHECKING:
    from opsctl.operate.target import Target, Workspace

# The variables that workflows read in the GitHub environment of each purpose, and the outputs that they are.
VARIABLES = {
    "plan": {"AWS_ROLE_ARN": "PlanRoleArn"},
    "publish": {"AWS_ROLE_ARN": "PublishRoleArn"},
    "deploy": {"AWS_ROLE_ARN": "EntryRoleArn", "AWS_DEPLOY_ROLE_ARN": "DeployRoleArn"},
}
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
# Between a name and its number in tokens of repositories made, renamed or handed over since 15 July 2026: an `@`
# [GitHub docs, OpenID Connect reference, immutable subject claims]; the first announcement showed a hyphen.
_MARKS = "@-"


def subject_of(repository: str, given: str | None) -> str:
    """How the `sub` of its tokens begins. Raises UsageError.

    `given` is what GitHub shows for a repository whose tokens name more than owner and repository.
    """
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError(
            f"`{repository}` is no repository of GitHub.",
            code="bad-repository",
            hint="Write --github OWNER/REPO, with capitals as GitHub shows them.",
        )
    if given is None:
        return f"repo:{repository}"
    owner, name = map(re.escape, repository.split("/"))
    forms = [f"repo:{owner}/{name}", *(rf"repo:{owner}{mark}\d+/{name}{mark}\d+" for mark in _MARKS)]
    if not any(re.fullmatch(form, given) for form in forms):
        raise UsageError(
            f"`{given}` is not how the `sub` of {repository}'s tokens begins.",
            code="bad-subject",
            hint="Write all that the repository's OIDC settings show before `:environment:`, such as "
            "--subject repo:OWNER@123/REPO@456, with the ids of both. Wildcards would let strangers in.",
        )
    return given


def targets(workspace: Workspace, names: Sequence[str], subject: str, region: str | None) -> Iterator[Target]:
    """The environments named, all on AWS where none is, each with the stacks of who may take its roles.

    Raises UsageError.
    """
    known = workspace.configuration.environments
    for name in names or [each.name for each in known.values() if each.target == "aws"]:
        target = workspace.target(name, region)
        if target.is_local:
            raise UsageError(
                f"{target.env.name} runs on this machine, which CI never enters.",
                hint="Name environments on AWS with --environments.",
            )
        _ensure_alone(target.env.name, [each.name for each in known.values() if each.target == "aws"])
        on = grounds(target, target.env.account_id or target.aws.identity().account_id)
        yield replace(target, administered=(bootstrap.build(target.configured), ci.build(on, subject)))


def _ensure_alone(name: str, known: Collection[str]) -> None:
    """Jobs that plan for `hml` are those of the GitHub environment `hml-plan`: one that is called so would be deployed
    by whoever may plan the other.
    """
    own = {ci.environment(name, purpose) for purpose in VARIABLES}
    for other in known:
        shared = own & {ci.environment(other, purpose) for purpose in VARIABLES}
        if other != name and shared:
            raise UsageError(
                f"Jobs for {name} and for {other} would be of one GitHub environment, {min(shared)}, and so get each "
                "other's rights.",
                code="same-github-environment",
                hint=f"Call {max(name, other, key=len)} otherwise in environments.yaml.",
            )


def variables(target: Target, outputs: dict[str, str]) -> dict[str, dict[str, str]]:
    """What each GitHub environment has to be told."""
    region = {"AWS_REGION": target.env.region}
    return {
        ci.environment(target.env.name, purpose): {
            **region,
            **{name: outputs[output] for name, output in names.items()},
        }
        for purpose, names in VARIABLES.items()
    }
