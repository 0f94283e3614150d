"""The image repository: what is kept, and who pulls."""

from __future__ import annotations

import json
from typing import Any

from opsctl.stacks import platform
from opsctl.stacks.parts.repository import lifecycle_text, reader_policy
from tests.unit.stacks.reading import Stack, environment


def rules(*environments: str) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = json.loads(lifecycle_text(environments))["rules"]
    return result


def test_each_environment_has_a_rule_of_its_own_since_all_prefixes_of_one_rule_must_match() -> None:
    prefixes = [rule["selection"].get("tagPrefixList") for rule in rules("dev", "hml", "prd")]
    assert prefixes == [["prd-r"], ["hml-r"], ["dev-r"], None, None]


def test_the_last_thirty_releases_of_each_environment_come_before_everything_else() -> None:
    for rule in rules("hml", "prd")[:2]:
        assert rule["selection"]["countType"] == "imageCountMoreThan"
        assert rule["selection"]["countNumber"] == 30


def test_all_environments_that_share_the_repository_are_kept() -> None:
    stack = Stack(platform.build(environment("hml", repository_environments=("hml", "prd"))))
    text = stack["Repository"]["LifecyclePolicy"]["LifecyclePolicyText"]
    assert text.rstrip() == lifecycle_text(("hml", "prd"))


def test_rules_are_numbered_and_the_one_for_any_image_is_last() -> None:
    found = rules("hml", "prd")
    assert [rule["rulePriority"] for rule in found] == [1, 2, 3, 4]
    assert found[-1]["selection"]["tagStatus"] == "any"
    assert all(rule["action"] == {"type": "expire"} for rule in found)


def test_the_policy_is_small_enough_for_ecr() -> None:
    assert len(lifecycle_text(tuple(f"environment-{number}" for number in range(20)))) < 30_720


def test_other_accounts_pull_and_tag_but_upload_nothing() -> None:
    policy = reader_policy(("111122223333",))
    actions = {action for one in policy["Statement"] for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])}  # noqa: E501  # fmt: skip
    assert {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:PutImage"} <= actions
    assert not {"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"} & actions
    assert not any("Resource" in one for one in policy["Statement"])


def test_a_pull_policy_exists_only_for_other_accounts() -> None:
    alone = Stack(platform.build(environment("hml")))["Repository"]
    assert "RepositoryPolicyText" not in alone
    shared = Stack(platform.build(environment("hml", repository_reader_accounts=("111122223333",))))["Repository"]
    principal = shared["RepositoryPolicyText"]["Statement"][0]["Principal"]
    assert principal == {"AWS": [{"Fn::Sub": "arn:${AWS::Partition}:iam::111122223333:root"}]}
