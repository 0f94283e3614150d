"""Environments of one account can't reach into each other: each fence is taken down once, and missed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from opsctl.stacks.access.pushing import publish
from opsctl.stacks.access.reading import plan
from opsctl.stacks.parts.policies import Statement

from .judge import (
    ANOTHER,
    ENVIRONMENTS,
    Policy,
    Request,
    allows,
    by_tags,
    deployers,
    elsewhere,
    grounds,
    listed,
    requests,
)

BUCKET = "arn:aws:s3:::opsctl-bootstrap-artifactbucket-x1"
# What every deployer of the account may do alike, as AWS takes no resource there, or it is AWS's own, or has neither
# name nor tags of ours.
COMMON = frozenset({
    "AskAws", "ChangeWithoutResource", "CloseOwnTunnel", "Describe", "DetectBootstrapsDrift",
    "FetchRotation", "FetchRotationsCode", "FirstUse",
    "FollowRecords", "ForwardPorts", "KeepEdgesParts", "ListLogGroups", "ListStacks", "LogIn", "MakeEdge",
    "ReadAmazonsImages", "ReadBootstrap", "ReadQuotas", "ReadReasons", "SeeKeys", "SeeServiceRoles", "SeeTargets",
    "TransformRotation",
    "UseAwsRules", "UseDefaultOptions",
})  # fmt: skip
# Listed by the beginning of a name, which IAM takes for all of them.
ALIKE = frozenset({"cloudwatch:DescribeAlarms"})
# What a condition would have to let through to be none: another environment, another service, another account.
FOREIGN = {
    "aws:ResourceAccount": ANOTHER,
    "cloudformation:TemplateUrl": "https://opsctl-bootstrap-artifactbucket-x1.s3.us-east-1.amazonaws.com/templates/"
    "qa/1.yaml?versionId=1",
    "ecs:cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/qa-salaries-acme",
    "iam:AWSServiceName": "replication.dynamodb.amazonaws.com",
    "iam:PassedToService": "cloudformation.amazonaws.com",
    "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess",
    "route53:ChangeResourceRecordSetsNormalizedRecordNames": "qa.example.com",
}


def others(name: str) -> list[str]:
    return [each for each in ENVIRONMENTS if each != name]


def shared_repository(name: str, other: str, request: Request) -> bool:
    """Whether it is about images of one repository that both run, or reads which of them the other released.

    IAM knows no tags of images.
    """
    same = grounds(name).repository == grounds(other).repository
    reads = request.action == "s3:GetObject" and any(
        f"/releases/{each}{rest}/" in request.resource for each in (name, other) for rest in ("", "-salaries-acme")
    )
    return same and (reads or request.resource == grounds(other).repository)


def abuses(name: str) -> Iterator[Request]:
    """What the deployer of an environment must not do: each call of another's, and its own past each fence."""
    for other in others(name):
        for statement in deployers(other):
            if statement["Sid"] not in COMMON:
                yield from (
                    of(other, each)
                    for each in requests(statement)
                    if each.action not in ALIKE and not shared_repository(name, other, each)
                )
    for statement in deployers(name):
        for request in requests(statement):
            yield from (strayed(request, key) for block in statement.get("Condition", {}).values() for key in block)
            if request.resource != "*" and not by_tags(statement):
                yield elsewhere(request)


def of(name: str, request: Request) -> Request:
    """The same call, on what the environment's stacks and opsctl tagged."""
    tags = {"aws:ResourceTag/environment": name, "aws:ResourceTag/service": "salaries"}
    return replace(request, keys={**tags, **request.keys})


def strayed(request: Request, key: str) -> Request:
    """The same call, past one condition."""
    if key == "aws:ResourceAccount":
        return replace(request, owner=ANOTHER)
    return replace(request, keys={**request.keys, key: FOREIGN.get(key, "qa")})


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_who_deploys_one_environment_is_refused_what_another_needs(name: str) -> None:
    policy = Policy(deployers(name))
    assert [each for each in abuses(name) if policy.allows(each)] == []


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_who_deploys_one_environment_may_do_what_that_takes(name: str) -> None:
    """Else the refusals would prove nothing."""
    wanted = [each for statement in deployers(name) for each in requests(statement)]
    assert len(wanted) > 500
    policy = Policy(deployers(name))
    assert [each for each in wanted if not policy.allows(each)] == []


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"])
@pytest.mark.parametrize("key", [
    "bundles/{}-salaries-acme/1.zip", "templates/{}-salaries-acme/1.yaml", "locks/{}-salaries-acme.json",
    "releases/{}-salaries-acme/000001.json", "releases/{}-salaries-acme/current.json",
])  # fmt: skip
def test_devs_deployer_is_refused_what_prd_keeps_in_the_artifact_bucket(key: str, action: str) -> None:
    assert not allows(deployers("dev"), Request(action, f"{BUCKET}/{key.format('prd')}"))
    if action == "s3:PutObject":
        assert allows(deployers("dev"), Request(action, f"{BUCKET}/{key.format('dev')}"))


def test_nobody_deletes_or_rewrites_a_version_and_bootstraps_template_is_nobodys() -> None:
    for name in ENVIRONMENTS:
        for action in ("s3:DeleteObjectVersion", "s3:PutBucketVersioning", "s3:PutBucketPolicy"):
            for resource in (BUCKET, f"{BUCKET}/bundles/{name}-salaries-acme/1.zip"):
                assert not allows(deployers(name), Request(action, resource))
        assert not allows(deployers(name), Request("s3:PutObject", f"{BUCKET}/templates/_bootstrap/1.yaml"))
        stack = "arn:aws:cloudformation:us-east-1:123456789012:stack/opsctl-bootstrap/1"
        assert not allows(deployers(name), Request("cloudformation:CreateChangeSet", stack))
        assert allows(deployers(name), Request("cloudformation:GetTemplate", stack))


HERE = "us-east-1:123456789012"
PRD = {"aws:ResourceTag/environment": "prd", "aws:ResourceTag/service": "salaries"}
HELD = [
    Request("cloudformation:ExecuteChangeSet", f"arn:aws:cloudformation:{HERE}:stack/prd-salaries-app-acme/1"),
    Request("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:opsctl/prd/salaries/a"),
    Request("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:Master-1", PRD),
    Request("secretsmanager:TagResource", f"arn:aws:secretsmanager:{HERE}:secret:Master-1",
            {**PRD, "aws:RequestTag/environment": "dev", "aws:RequestTag/service": "salaries"}),
    Request("ecr:PutImage", f"arn:aws:ecr:{HERE}:repository/salaries"),
    Request("ec2:CreateTags", f"arn:aws:ec2:{HERE}:vpc/vpc-1",
            {**PRD, "aws:RequestTag/environment": "dev", "aws:RequestTag/service": "salaries"}),
    Request("kms:Decrypt", f"arn:aws:kms:{HERE}:key/1", PRD),
    Request("iam:PutRolePolicy", "arn:aws:iam::123456789012:role/prd-salaries-app-acme-ServiceTaskRole-1"),
    Request("rds:ModifyDBInstance", f"arn:aws:rds:{HERE}:db:prd-salaries-data-acme-database-1"),
]  # fmt: skip


@pytest.mark.parametrize("request_", HELD, ids=lambda each: each.action)
def test_devs_deployer_is_refused_prds_stacks_secrets_images_and_data(request_: Request) -> None:
    assert not allows(deployers("dev"), request_)
    assert allows(deployers("prd"), replace(request_, keys={**request_.keys, **without_dev(request_)}))


@pytest.mark.parametrize(
    ("name", "taken"),
    [("app.salaries.example.com", True), ("_0a1b.app.salaries.example.com", True), ("salaries.example.com", False),
     ("www.app.salaries.example.com", False), ("app-hml.salaries.example.com", False)],
)  # fmt: skip
def test_prds_deployer_writes_the_records_of_its_names_and_those_that_prove_them(name: str, taken: bool) -> None:
    zone = next(iter(grounds("prd").zones))
    key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
    request = Request("route53:ChangeResourceRecordSets", zone, {key: [name]})
    assert allows(deployers("prd"), request) is taken


def without_dev(request: Request) -> dict[str, str]:
    """The same tags, given by prd's own."""
    return {key: "prd" for key, value in request.keys.items() if value == "dev"}


def wider(statement: Statement) -> Iterator[tuple[str, Statement]]:
    """A statement with each of its fences down, and which that was."""
    for operator, block in statement.get("Condition", {}).items():
        for key in block:
            left = {name: value for name, value in block.items() if name != key}
            condition = {**statement["Condition"], operator: left}
            yield key, {**statement, "Condition": condition}
    if statement["Resource"] != "*" and not by_tags(statement):
        yield "Resource", {**statement, "Resource": "*"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_each_fence_is_missed_when_it_is_down(name: str) -> None:
    against = list(abuses(name))
    down = [
        (statement["Sid"], which, Policy([wide])) for statement in deployers(name) for which, wide in wider(statement)
    ]
    assert len(down) > 60
    survivors = [(sid, which) for sid, which, wide in down if not any(map(wide.allows, against))]
    assert survivors == []


def test_a_plan_reads_and_a_push_pushes() -> None:
    verbs = ("Describe", "Get", "List", "BatchGet", "BatchDescribe", "Detect", "Filter")
    for name in ENVIRONMENTS:
        for statement in plan(grounds(name)):
            assert all(each.split(":")[1].startswith(verbs) for each in listed(statement["Action"])), statement
            assert "secretsmanager:GetSecretValue" not in listed(statement["Action"])
        push = publish(grounds(name))
        assert {each.split(":")[0] for statement in push for each in listed(statement["Action"])} == {"ecr"}
        assert [each["Sid"] for each in push if each["Resource"] == "*"] == ["LogIn"]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_stars_are_where_aws_takes_no_resource_and_nowhere_else(name: str) -> None:
    stars = {statement["Sid"] for statement in deployers(name) if statement["Resource"] == "*"}
    fenced = {"ListTasks", "MakeCertificates", "MakeKeys"}
    assert stars - fenced <= COMMON
    assert all(statement.get("Condition") for statement in deployers(name) if statement["Sid"] in fenced)
