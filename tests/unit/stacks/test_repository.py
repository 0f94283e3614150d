"""The image repository: what is kept, and who pulls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opsctl.stacks import platform
from opsctl.stacks.parts.repository import lifecycle_text, reader_policy
from tests.unit.stacks.ecr_lifecycle import expired, image
from tests.unit.stacks.reading import Stack, environment


def rules(*environments: str) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = json.loads(lifecycle_text(environments))["rules"]
    return result


def test_each_environment_has_a_rule_of_its_own_since_all_prefixes_of_one_rule_must_match() -> None:
    prefixes = [rule["selection"].get("tagPrefixList") for rule in rules("dev", "hml", "prd")]
    assert prefixes == [["prd-r"], ["hml-r"], ["dev-r"], None, None]


RUNNING = image("0123abc", "prd-r12", days=400)


@pytest.mark.parametrize("pushed", ["prd-r{}", "hml-r{}", "v{}", "sha256-{}.sig"])
def test_no_push_drops_what_runs_nor_what_is_about_to(pushed: str) -> None:
    """A stranger who may push has a thousand images, of today, under tags of his choice."""
    next_one = image("4567def", days=1)
    attack = [image(pushed.format(number)) for number in range(13, 1013)]
    assert expired(lifecycle_text(("hml", "prd")), [RUNNING, next_one, *attack]) == set()


def test_a_rule_that_counts_would_have_dropped_what_runs() -> None:
    counting = json.dumps({"rules": [
        {"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPrefixList": ["prd-r"],
                                          "countType": "imageCountMoreThan", "countNumber": 30}},
    ]})  # fmt: skip
    assert expired(counting, [RUNNING, *(image(f"prd-r{number}") for number in range(13, 43))]) == {RUNNING}


def test_what_no_release_uses_goes_by_its_age() -> None:
    old, young, bare = image("old", days=91), image("young", days=89), image(days=8)
    signature = image("sha256-1.sig", "prd-r12.sig", days=400)
    let_go = image("0123abc", days=400)
    assert expired(lifecycle_text(("hml", "prd")), [RUNNING, old, young, bare, signature, let_go]) == {
        old, bare, let_go,
    }  # fmt: skip


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
