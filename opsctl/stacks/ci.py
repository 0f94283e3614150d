"""The roles that CI takes with GitHub's own tokens, so that nobody keeps keys of AWS there.

An administrator's stack, as the bootstrap stack is: no policy of an environment writes what is called `opsctl-…`, so
whoever deploys does not widen these roles by mistake. [docs/aws.md says what no policy can hold]
"""

from __future__ import annotations

from typing import Any

from troposphere import Equals, GetAtt, If, Ref, iam

from opsctl.stacks.access.changing import deploy
from opsctl.stacks.access.documents import documents
from opsctl.stacks.access.grounds import Grounds
from opsctl.stacks.access.pushing import publish
from opsctl.stacks.access.reading import plan
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.policies import Statement, allow, document

# Who signs the tokens, and for whom they are made out. [GitHub docs, OpenID Connect in AWS]
ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
PROVIDER = "Provider"


def build(on: Grounds, subject: str) -> StackTemplate:
    """Roles for one repository, whose tokens' `sub` begins with `subject` (`repo:OWNER/REPO`).

    Outputs: PlanRoleArn, PublishRoleArn, EntryRoleArn, DeployRoleArn.
    """
    stack = StackBuilder(on.env, "ci")
    _provider(stack)
    for name, statements in (("Plan", plan(on)), ("Publish", publish(on))):
        role = _role(stack, name, _trust_in(on, subject, environment(on.env.name, name.lower())), statements)
        stack.output(
            f"{name}RoleArn", GetAtt(role, "Arn"), f"For jobs of the GitHub environment that may {name.lower()}"
        )
    entry = _role(stack, "Entry", _trust_in(on, subject, environment(on.env.name, "deploy")), [])
    deployer = _role(stack, "Deploy", document(_may_take({"AWS": GetAtt(entry, "Arn")}, "sts:AssumeRole")), deploy(on))
    # Beside the role, which the deployer's trust names.
    stack.add(
        iam.PolicyType(
            "EntryPolicy",
            PolicyName="assume-deployer",
            PolicyDocument=document(allow("BecomeDeployer", "sts:AssumeRole", GetAtt(deployer, "Arn"))),
            Roles=[Ref(entry)],
        )
    )
    stack.output("EntryRoleArn", GetAtt(entry, "Arn"), "For jobs of the GitHub environment that may deploy")
    stack.output("DeployRoleArn", GetAtt(deployer, "Arn"), "What the entry role may become, and all that it may")
    return stack.finish(after=("bootstrap",), termination_protection=True)


def environment(name: str, purpose: str) -> str:
    """The GitHub environment whose jobs serve this purpose: `hml` deploys, `hml-plan` and `hml-publish` do that."""
    return name if purpose == "deploy" else f"{name}-{purpose}"


def _provider(stack: StackBuilder) -> None:
    """An account has one for each issuer: this stack's, or somebody's who was first. It stays, as others may use it."""
    wanted = stack.context(
        PROVIDER, "oidc_provider", "Whether this stack holds the account's OIDC provider for GitHub",
        AllowedValues=["true", "false"], Default="false",
    )  # fmt: skip
    stack.template.add_condition("WithProvider", Equals(wanted, "true"))
    provider = iam.OIDCProvider(
        "GitHub", Condition="WithProvider", Url=f"https://{ISSUER}", ClientIdList=[AUDIENCE]
    )  # no thumbprint: AWS knows GitHub's certificates [API CreateOpenIDConnectProvider]
    provider.DeletionPolicy = "RetainExceptOnCreate"
    provider.UpdateReplacePolicy = "Retain"
    stack.add(provider)


def _trust_in(on: Grounds, subject: str, environment: str) -> dict[str, Any]:
    """Jobs of one environment of one repository. A wildcard in `sub` is what lets strangers in."""
    condition = {"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": f"{subject}:environment:{environment}"}}
    theirs = f"arn:aws:iam::{on.account}:oidc-provider/{ISSUER}"
    provider = {"Federated": If("WithProvider", GetAtt("GitHub", "Arn"), theirs)}
    return document({**_may_take(provider, "sts:AssumeRoleWithWebIdentity"), "Condition": condition})


def _may_take(principal: dict[str, Any], action: str) -> Statement:
    return {"Effect": "Allow", "Principal": principal, "Action": action}


def _role(stack: StackBuilder, name: str, trust: dict[str, Any], statements: list[Statement]) -> Any:
    policies = [
        stack.add(
            iam.ManagedPolicy(
                f"{name}Policy{number}",
                Description=f"opsctl env policy {name.lower()}, document {number}",
                PolicyDocument=each,
            )
        )
        for number, each in enumerate(documents(statements) if statements else [], start=1)
    ]
    role = iam.Role(f"{name}Role", AssumeRolePolicyDocument=trust)
    if policies:
        role.ManagedPolicyArns = [Ref(each) for each in policies]
    return stack.add(role)
