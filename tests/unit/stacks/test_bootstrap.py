"""The bootstrap stack: the same for every environment of an account and region."""

from __future__ import annotations

import pytest

from opsctl.stacks import bootstrap
from opsctl.stacks.model import FromContext
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, statements


def test_it_is_the_same_whichever_environment_deploys_it() -> None:
    built = [bootstrap.build(environment(name)) for name in NAMES]
    assert len({(one.body, str(one.tags), one.physical_name, one.termination_protection) for one in built}) == 1


def test_it_takes_only_tags_that_were_asked_for_by_name() -> None:
    env = environment("dev", tags={"team": "a"}, tag_overrides={"bootstrap": {"owner": "b"}})
    assert bootstrap.build(env).tags == {"managed-by": "opsctl", "owner": "b"}


def test_it_is_protected_everywhere() -> None:
    assert all(bootstrap.build(environment(name)).termination_protection for name in NAMES)


def test_it_makes_a_detector_only_when_the_deploy_says_so() -> None:
    template = bootstrap.build(environment("dev"))
    stack = Stack(template)
    assert template.parameters == {"GuardDuty": FromContext("guardduty")}
    assert stack.attribute("GuardDutyDetector", "Condition") == "WithGuardDuty"
    assert stack.document["Conditions"] == {"WithGuardDuty": {"Fn::Equals": [ref("GuardDuty"), "true"]}}
    assert stack.document["Parameters"]["GuardDuty"]["Default"] == "false"


@pytest.mark.parametrize("name", ["ArtifactBucket", "AccessLogBucket"])
def test_its_buckets_are_private_versioned_and_kept(name: str) -> None:
    stack = Stack(bootstrap.build(environment("prd")))
    bucket = stack[name]
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert "BucketName" not in bucket
    assert stack.attribute(name, "DeletionPolicy") == "RetainExceptOnCreate"
    assert stack.attribute(name, "UpdateReplacePolicy") == "Retain"
    assert name in stack.template.stateful


def test_it_never_expires_what_a_rollback_reads_again() -> None:
    rules = Stack(bootstrap.build(environment("dev")))["ArtifactBucket"]["LifecycleConfiguration"]["Rules"]
    assert not any("ExpirationInDays" in rule for rule in rules)


def test_access_logs_are_written_by_s3_for_this_account_only() -> None:
    stack = Stack(bootstrap.build(environment("dev")))
    policy = statements(stack["AccessLogBucketPolicy"]["PolicyDocument"])
    assert policy["TakeServerAccessLogs"]["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert policy["TakeServerAccessLogs"]["Condition"] == {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    assert stack["ArtifactBucket"]["LoggingConfiguration"]["DestinationBucketName"] == ref("AccessLogBucket")
    assert stack.skips("AccessLogBucket") == {"CKV_AWS_18"}


@pytest.mark.parametrize("name", ["ArtifactBucket", "AccessLogBucket"])
def test_its_buckets_refuse_plain_http(name: str) -> None:
    statement = statements(Stack(bootstrap.build(environment("dev")))[f"{name}Policy"]["PolicyDocument"])
    refusal = statement["RefusePlainHttp"]
    assert (refusal["Effect"], refusal["Principal"]) == ("Deny", "*")
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert refusal["Resource"] == [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}/*"}]
