"""The policies hold what opsctl calls, and what CloudFormation's handlers call for it; and IAM takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import boto3
import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from opsctl.stacks.access.changing import deploy
from opsctl.stacks.access.documents import LIMIT, documents, size
from opsctl.stacks.access.grounds import Grounds
from opsctl.stacks.access.pushing import publish
from opsctl.stacks.access.reading import plan
from opsctl.stacks.access.resources import (
    FORMER_POLICIES,
    LINKED_SERVICES,
    MANAGED_POLICIES,
    ROLE_SERVICES,
    ROTATION_POLICIES,
)
from opsctl.stacks.parts.policies import Statement, allow
from tests.unit.stacks.reading import environment

from .judge import ACCOUNT, ENVIRONMENTS, ROOT, Request, allows, deployers, grounds, listed
from .unused import ACTIONS, SERVICES

AWS = ROOT / "opsctl" / "aws"
# IAM's words where they are not the API's.
PREFIXES = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
WORDS = {
    "lambda:Invoke": ["lambda:InvokeFunction"],
    "s3:DeleteObjects": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "s3:HeadObject": ["s3:GetObject"],
    "s3:ListObjectVersions": ["s3:ListBucketVersions"],
    "s3:ListObjectsV2": ["s3:ListBucket"],
}
# Methods of clients that are no operation, and what they come to.
HELPERS = {"upload_fileobj": ["s3:PutObject", "s3:AbortMultipartUpload"], "generate_db_auth_token": ["rds-db:connect"]}
# Allowed to everybody; a login to the database, which whoever gets it is given by hand; and what an administrator's
# `bootstrap --github` asks [docs/aws.md].
BEYOND = {
    "sts:GetCallerIdentity", "rds-db:connect", "iam:GetOpenIDConnectProvider", "iam:ListOpenIDConnectProviders",
}  # fmt: skip


def services() -> dict[str, str]:
    """The service that each module of opsctl/aws calls."""
    text = (AWS / "session.py").read_text()
    found = re.findall(r'from opsctl\.aws\.(\w+) import (\w+)\n\n        return \2\(self\.client\("([\w-]+)"\)', text)
    return {module: service for module, _, service in found}


@cache
def methods(service: str) -> dict[str, str]:
    """Operations of a client by the names of its methods."""
    client = boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")  # type: ignore[call-overload]
    return dict(client.meta.method_to_api_mapping)


def calls() -> Iterator[tuple[str, str, str]]:
    """Module, service and method of every call of a client that stands in the source."""
    known = services()
    for path in sorted(AWS.glob("*.py")):
        text = path.read_text()
        for service, method in re.findall(r'client\("([\w-]+)"\)\s*\.(\w+)\(', text):
            if method != "get_paginator":
                yield path.stem, service, method
        for method in re.findall(r"self\._client\.(\w+)\(", text):
            if method != "get_paginator":
                yield path.stem, known.get(path.stem, ""), method
        for service, page in re.findall(r'client(?:\("([\w-]+)"\))?\s*\.get_paginator\("(\w+)"\)', text):
            yield path.stem, service or known.get(path.stem, ""), page


def needed(service: str, method: str) -> list[str]:
    """What IAM asks for one method."""
    if method in HELPERS:
        return HELPERS[method]
    action = f"{PREFIXES.get(service, service)}:{methods(service)[method]}"
    return WORDS.get(action, [action])


def actions(statements: list[Statement]) -> set[str]:
    return {action for statement in statements for action in listed(statement["Action"])}


def covers(allowed: set[str], action: str) -> bool:
    """Whether one of them is this action; IAM does not look at capitals."""
    pattern = "|".join(re.escape(each).replace(r"\*", ".*") for each in allowed)
    return re.fullmatch(pattern, action, re.IGNORECASE) is not None


def test_every_call_in_the_source_is_one_of_a_service_that_is_known() -> None:
    found = list(calls())
    assert len(found) > 80
    assert [(module, method) for module, service, method in found if not service] == []
    # As many as there are: a new way to write one would pass unseen.
    written = sum(len(re.findall(r"_client(?:\(\"[\w-]+\"\))?\s*\.\w+\(|self\.client\(\"sts\"\)\.", path.read_text()))
                  for path in AWS.glob("*.py"))  # fmt: skip
    assert len(found) == written


def test_every_call_is_in_a_policy() -> None:
    """One that is not: give it to `plan` or `deploy` in opsctl/stacks/access, or say in docs/aws.md whose it is."""
    signed = signing("alias/images")
    allowed = actions([each for on in (*map(grounds, ENVIRONMENTS), signed) for each in (*deploy(on), *publish(on))])
    wanted = {action for _, service, method in calls() for action in needed(service, method)} - BEYOND
    assert {each for each in wanted if not covers(allowed, each)} == set()


def signing(key: str) -> Grounds:
    """prd, where it runs only what this key signed and hml ran."""
    prd = grounds("prd")
    images = prd.env.images.model_copy(update={"verify": key, "promoted_from": "hml"})
    return replace(prd, env=prd.env.model_copy(update={"images": images}))


KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
ELSEWHERE = "arn:aws:kms:eu-west-1:999999999999:alias/images"


@pytest.mark.parametrize(
    ("key", "resource", "alias"),
    [
        ("alias/images", KEY, "alias/images"),
        (ELSEWHERE, "arn:aws:kms:eu-west-1:999999999999:key/2", "alias/images"),
        (KEY, KEY, None),
    ],
)
def test_who_pushes_signs_with_the_key_of_the_environment_and_who_plans_reads_it(
    key: str, resource: str, alias: str | None
) -> None:
    on = signing(key)
    keys = {"kms:RequestAlias": alias} if alias else {}
    sign = Request("kms:Sign", resource, keys, owner=resource.split(":")[4])
    read = replace(sign, action="kms:GetPublicKey")
    assert allows(publish(on), sign)
    assert allows(plan(on), read)
    assert not allows(deploy(on), sign)
    other = (
        replace(sign, resource=f"{resource}9") if alias is None else replace(sign, keys={"kms:RequestAlias": "alias/x"})
    )
    assert not allows(publish(on), other)
    assert not allows(publish(grounds("prd")), sign)


def test_what_another_environment_of_the_repository_released_is_read_and_not_written() -> None:
    def record(name: str) -> Request:
        key = f"arn:aws:s3:::opsctl-bootstrap-artifactbucket-x1/releases/{name}-salaries-acme/000001.json"
        return Request("s3:GetObject", key, {"aws:ResourceAccount": ACCOUNT})

    on = grounds("prd")
    assert allows(plan(on), record("hml"))
    assert not allows(plan(on), record("dev"))  # has a repository of its own
    assert not allows(deploy(on), replace(record("hml"), action="s3:PutObject"))


def test_a_key_in_a_file_signs_nothing() -> None:
    assert not any("kms:Sign" in listed(each["Action"]) for each in publish(signing("keys/images.pem")))


@pytest.mark.parametrize("action", ["iam:AttachRolePolicy", "iam:DetachRolePolicy"])
@pytest.mark.parametrize("name", [*FORMER_POLICIES, *ROTATION_POLICIES])
def test_an_update_takes_former_policies_away_and_gives_them_back_when_it_fails(name: str, action: str) -> None:
    keys = {"iam:PolicyARN": f"arn:aws:iam::aws:policy/{name}"}
    assert allows(deployers("dev"), Request(action, "arn:aws:iam::123456789012:role/dev-salaries-egress-x", keys))


def test_the_transform_that_the_template_names_is_allowed() -> None:
    for name in ENVIRONMENTS:
        used = re.findall(
            r"^Transform: (?:AWS::)?(\S+)", (ROOT / "templates" / name / "upkeep.yaml").read_text(), re.MULTILINE
        )
        assert used
        for each in used:
            arn = f"arn:aws:cloudformation:us-east-1:aws:transform/{each}"
            assert allows(deployers(name), Request("cloudformation:CreateChangeSet", arn, owner="aws")), each


@pytest.mark.parametrize("path", ["", "aws-service-role/ecs.amazonaws.com/"])
def test_a_service_role_that_is_missing_is_asked_after_too(path: str) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/{path}AWSServiceRoleForECS"
    assert allows(plan(grounds("hml")), Request("iam:GetRole", role))
    assert not allows(plan(grounds("hml")), Request("iam:UpdateAssumeRolePolicy", role))
    assert not allows(plan(grounds("hml")), Request("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/admin"))


def test_a_deployer_reads_what_a_plan_reads() -> None:
    for name in ENVIRONMENTS:
        assert all(statement in deployers(name) for statement in plan(grounds(name)))


def types(name: str) -> set[str]:
    """Resource types in an environment's templates; the account's own stack is an administrator's."""
    texts = [path.read_text() for path in (ROOT / "templates" / name).glob("*.yaml") if path.stem != "bootstrap"]
    resources = "\n".join(text[text.index("\nResources:") :] for text in texts)
    return set(re.findall(r"^  \w+:\n    Type: (AWS::\S+)", resources, re.MULTILINE))


def handlers(kind: str) -> set[str]:
    """What AWS's handlers of a type call to make, read, change and remove one."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return {
        action
        for operation, handler in schema["handlers"].items()
        if operation != "list"
        for action in handler.get("permissions", [])
    }


def is_used(action: str) -> bool:
    service, _, name = action.partition(":")
    return service not in SERVICES and name not in ACTIONS.get(service, "").split()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_handlers_call_for_our_resources_is_in_the_deployers_policy(name: str) -> None:
    allowed = actions(list(deployers(name)))
    missing = {
        (kind, each) for kind in types(name) for each in handlers(kind) if is_used(each) and not covers(allowed, each)
    }
    assert missing == set()


def test_nothing_is_called_unused_that_no_handler_asks_for() -> None:
    asked = {action for name in ENVIRONMENTS for kind in types(name) for action in handlers(kind)}
    assert {f"{service}:{each}" for service, names in ACTIONS.items() for each in names.split()} <= asked
    assert {each.partition(":")[0] for each in asked} >= SERVICES


def test_roles_go_to_the_services_that_the_templates_name_and_to_no_other() -> None:
    text = "\n".join(path.read_text() for name in ENVIRONMENTS for path in (ROOT / "templates" / name).glob("*.yaml"))
    trusted = set(re.findall(r"Principal:\n\s+Service: (\S+)\n\s+Action: sts:AssumeRole", text))
    # EC2's name differs between partitions.
    assert {each for each in trusted if each.endswith(".amazonaws.com")} | {"ec2.amazonaws.com"} == set(ROLE_SERVICES)
    assert set(re.findall(r"policy/([\w/-]+)", text)) == set(MANAGED_POLICIES)
    assert not set(ROLE_SERVICES) & set(LINKED_SERVICES)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_each_document_is_one_that_iam_takes(name: str) -> None:
    for statements in (plan(grounds(name)), list(deployers(name)), publish(grounds(name))):
        made = documents(statements)
        assert [each for document in made for each in document["Statement"]] == statements
        assert all(size(document) <= LIMIT for document in made)
        names = [each["Sid"] for each in statements]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch("[A-Za-z0-9]+", each) for each in names)
    # An IAM role takes ten managed policies, unless the account was given more. [IAM quotas]
    assert len(documents(list(deployers(name)))) <= 6


def test_a_document_is_as_full_as_the_limit_allows() -> None:
    many = [allow(f"S{number}", "s3:GetObject", "arn:aws:s3:::" + "b" * 400) for number in range(20)]
    made = documents(many)
    assert [len(each["Statement"]) for each in made] == [12, 8]
    assert size({**made[0], "Statement": [*made[0]["Statement"], many[12]]}) > LIMIT >= size(made[0])


def test_what_a_database_comes_from_may_be_read_restored_and_taken_over_and_no_other_one() -> None:
    rds = f"arn:aws:rds:us-east-1:{ACCOUNT}:"
    for setting, resource, actions in (
        ("snapshot_identifier", "snapshot:", ("rds:DescribeDBSnapshots", "rds:RestoreDBInstanceFromDBSnapshot")),
        ("import_instance", "db:", ("rds:DescribeDBInstances", "rds:ModifyDBInstance")),
    ):
        env = environment("prd", **{f"rds__{setting}": "old-prd"})
        on = replace(grounds("prd"), env=env)
        for action in actions:
            assert allows(deploy(on), Request(action, f"{rds}{resource}old-prd"))
            assert not allows(deploy(on), Request(action, f"{rds}{resource}old-hml"))
            assert not allows(deployers("prd"), Request(action, f"{rds}{resource}old-prd"))
        assert allows(plan(on), Request(actions[0], f"{rds}{resource}old-prd"))
        assert not allows(plan(on), Request(actions[1], f"{rds}{resource}old-prd"))


def test_the_name_of_a_snapshot_is_the_one_that_rds_keeps() -> None:
    on = replace(grounds("prd"), env=environment("prd", rds__snapshot_identifier="Last-Night"))
    snapshot = f"arn:aws:rds:us-east-1:{ACCOUNT}:snapshot:last-night"
    assert allows(deploy(on), Request("rds:RestoreDBInstanceFromDBSnapshot", snapshot))
