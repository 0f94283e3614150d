"""Rights of every role of every stack: named actions on named resources, and roles passed on to one service only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from opsctl.stacks import catalog
from opsctl.stacks.model import FromOutput
from tests.unit.stacks.reading import NAMES, Stack, environment

# Actions for which AWS knows no narrower resource.
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken"}


def stacks(name: str) -> list[Stack]:
    return [Stack(template) for template in catalog.templates(environment(name))]


def granted(name: str) -> Iterator[dict[str, Any]]:
    for stack in stacks(name):
        for role in stack.of_type("AWS::IAM::Role").values():
            for policy in role.get("Policies", []):
                yield from policy["PolicyDocument"]["Statement"]


def actions(statement: dict[str, Any]) -> list[str]:
    given = statement["Action"]
    return [given] if isinstance(given, str) else list(given)


@pytest.mark.parametrize("name", NAMES)
def test_no_role_has_a_star_in_an_action(name: str) -> None:
    assert [each for statement in granted(name) for each in actions(statement) if "*" in each] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_star_stands_for_all_resources_only_where_aws_knows_nothing_narrower(name: str) -> None:
    everywhere = {action for each in granted(name) if each["Resource"] == "*" for action in actions(each)}
    assert everywhere <= WITHOUT_RESOURCE


@pytest.mark.parametrize("name", NAMES)
def test_roles_are_passed_by_name_and_to_one_service(name: str) -> None:
    for statement in granted(name):
        if "iam:PassRole" in actions(statement):
            assert statement["Condition"]["StringEquals"]["iam:PassedToService"]
            assert all("Fn::GetAtt" in resource for resource in statement["Resource"])


@pytest.mark.parametrize("name", NAMES)
def test_every_output_that_a_stack_asks_for_is_one_that_an_earlier_stack_has(name: str) -> None:
    published: dict[str, set[str]] = {}
    for stack in stacks(name):
        for source in stack.template.parameters.values():
            if isinstance(source, FromOutput):
                assert source.output in published[source.stack]
        published[stack.template.stack] = set(stack.document.get("Outputs", {}))
