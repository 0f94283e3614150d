"""What the roles of the templates may do, in few words: made from the templates, so a new right is a new word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from opsctl.config import naming
from opsctl.config.models import Environment
from tests.golden.controls.language import EVERYWHERE, EnvironmentName, Templates
from tests.golden.controls.markdown import apart
from tests.golden.controls.policies import listed
from tests.golden.controls.rendered import environment, templates

# Of an ARN only the name is told, and an account that isn't this one.
_ARN = re.compile(r"arn:\$\{AWS::Partition\}:[a-z0-9-]+:(?:\$\{AWS::Region\})?:(?:(?:\$\{AWS::AccountId\})?:)?(?=.)")
# What several actions are together. Exactly these: with one more or less, each is named.
WORDS = {
    "ecr": {"pull": "BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer"},
    "logs": {"write lines": "CreateLogStream PutLogEvents"},
    "ec2": {
        "keep and list interfaces": "AssignPrivateIpAddresses DeleteNetworkInterface DescribeNetworkInterfaces "
        "DescribeSubnets UnassignPrivateIpAddresses",
        "make and keep interfaces, list": "AssignPrivateIpAddresses CreateNetworkInterface DeleteNetworkInterface "
        "DescribeNetworkInterfaces DescribeSubnets UnassignPrivateIpAddresses",
    },
    "s3": {"use files": "AbortMultipartUpload DeleteObject GetObject ListMultipartUploadParts PutObject"},
    "ssmmessages": {"hold sessions": "CreateControlChannel CreateDataChannel OpenControlChannel OpenDataChannel"},
}
_NEVER = "**never** "
# How a condition asks, where it isn't plainly.
_ASKS = {"StringEquals": "", "ArnEquals": "", "ArnLike": "", "StringEqualsIfExists": ", if told"}


def rows() -> Iterator[list[str]]:
    """Of each role: its stack, who takes it, and its rights, with the environments where these differ."""
    made = {name: roles(templates(name), environment(name)) for name in EVERYWHERE}
    keys = dict.fromkeys(key for name in EVERYWHERE for key in made[name])
    for stack, role in sorted(keys, key=lambda key: naming.STACKS.index(key[0])):
        having = {name: made[name][stack, role] for name in EVERYWHERE if (stack, role) in made[name]}
        title = f"{stack}: {role}" + _only(list(having), EVERYWHERE)
        rights: dict[str, list[EnvironmentName]] = {}
        for name, (_, given) in having.items():
            for right in given:
                rights.setdefault(right, []).append(name)
        told = [right + _only(where, tuple(having)) for right, where in rights.items()]
        told.sort(key=lambda right: right.removeprefix(_NEVER).split()[0])
        yield [title, apart({name: taken for name, (taken, _) in having.items()}), "<br>".join(told)]


def _only(where: list[EnvironmentName], all_of: tuple[EnvironmentName, ...]) -> str:
    return "" if tuple(where) == all_of else f" ({', '.join(where)})"


def roles(stacks: Templates, env: Environment) -> dict[tuple[str, str], tuple[str, list[str]]]:
    """By stack and name of each role of an environment: who takes it, and what it may."""
    found = {
        (stack, name): (_taken(resource["Properties"], env), list(_rights(resource["Properties"], env)))
        for stack, name, resource in _of_type(stacks, "AWS::IAM::Role")
    }
    # A policy of its own may stand in a later stack than the roles that it is for.
    for stack, _, resource in _of_type(stacks, "AWS::IAM::Policy"):
        for role in resource["Properties"]["Roles"]:
            found[_origin(stacks, stack, role["Ref"])][1].extend(_said(resource["Properties"], env))
    return found


def _of_type(stacks: Templates, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for stack, template in stacks.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield stack, name, resource


def _origin(stacks: Templates, stack: str, name: str) -> tuple[str, str]:
    """The stack and name of what a reference means, through the outputs of other stacks."""
    if name in stacks[stack]["Resources"]:
        return stack, name
    source, _, output = stacks[stack]["Stack"]["Parameters"][name].partition(".")
    return _origin(stacks, source, stacks[source]["Outputs"][output]["Value"]["Ref"])


def _taken(properties: dict[str, Any], env: Environment) -> str:
    return "; ".join(
        ", ".join(_short(who, env) for each in statement["Principal"].values() for who in listed(each))
        + _conditions(statement, env)
        for statement in properties["AssumeRolePolicyDocument"]["Statement"]
    )


def _rights(properties: dict[str, Any], env: Environment) -> Iterator[str]:
    for policy in properties.get("Policies", []):
        yield from _said(policy, env)
    for managed in properties.get("ManagedPolicyArns", []):
        yield f"AWS's policy {_short(managed, env).rpartition('/')[2]}"


def _said(policy: dict[str, Any], env: Environment) -> Iterator[str]:
    """Each statement of a policy, by service."""
    for statement in policy["PolicyDocument"]["Statement"]:
        services: dict[str, list[str]] = {}
        for action in listed(statement["Action"]):
            services.setdefault(action.partition(":")[0], []).append(action.partition(":")[2])
        resources = ", ".join(f"`{_short(each, env)}`" for each in listed(statement["Resource"]))
        never = "" if statement["Effect"] == "Allow" else _NEVER
        for service, actions in services.items():
            yield f"{never}{service} {_words(service, actions)}: {resources}{_conditions(statement, env)}"


def _words(service: str, actions: list[str]) -> str:
    for words, meant in WORDS.get(service, {}).items():
        if sorted(actions) == meant.split():
            return words
    return ", ".join(actions)


def _conditions(statement: dict[str, Any], env: Environment) -> str:
    told = [
        f"{key.partition(':')[2]} {', '.join(_short(each, env) for each in listed(value))}"
        + _ASKS.get(operator, f", {operator}")
        for operator, block in statement.get("Condition", {}).items()
        for key, value in block.items()
    ]
    return f" [{'; '.join(told)}]" if told else ""


def _short(value: Any, env: Environment) -> str:
    """A name without what all of this account, region and environment have in common."""
    if isinstance(value, dict):
        (form, inner), *more = value.items()
        assert not more, value
        value = {"Ref": "${%s}", "Fn::GetAtt": "${%s}", "Fn::Sub": "%s"}[form] % (
            inner[0] if isinstance(inner, list) else inner
        )
    text = _ARN.sub("", str(value)).replace(".${AWS::URLSuffix}", "").removesuffix(".amazonaws.com")
    text = text.replace(".${AWS::Region}", "").replace("${AWS::AccountId}", "this account")
    text = text.replace(naming.cluster_name(env), "…").replace(f"repository/{env.ecs.repository_name}", "repository/…")
    return re.sub(r"\$\{(\w+?)(?:Arn|Name|ResourceId)?\}", r"\1", text)
