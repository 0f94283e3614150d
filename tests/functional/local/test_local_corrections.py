"""Where the emulator alone is kinder than AWS, it behaves as AWS does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from opsctl.aws.account import Account
from opsctl.aws.load_balancers import LoadBalancers
from opsctl.aws.parameters import Parameters
from opsctl.aws.s3 import S3
from tests.functional.local.sandbox import Sandbox
from tests.functional.local.stacks import Template, deploy, reasons, settle

pytestmark = pytest.mark.emulator

PROTECTED: Template = {
    "Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/26"}},
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {
                "Subnets": [{"Ref": "Subnet"}],
                "LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": "true"}],
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic", "DependsOn": "Balancer"},
    }
}


def logging(topic: Template) -> Template:
    """A load balancer with access logs, and a topic after it."""
    attributes = [
        {"Key": "access_logs.s3.enabled", "Value": "true"},
        {"Key": "access_logs.s3.bucket", "Value": {"Ref": "Logs"}},
        {"Key": "access_logs.s3.prefix", "Value": "alb"},
    ]
    resources = json.loads(json.dumps(PROTECTED["Resources"]))
    resources["Balancer"]["Properties"]["LoadBalancerAttributes"] = attributes
    bucket = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    return {"Resources": {**resources, "Logs": bucket, "Topic": {**topic, "DependsOn": "Balancer"}}}


def test_access_logs_begin_with_a_test_object_that_keeps_a_failed_create_from_being_rolled_back(
    sandbox: Sandbox,
) -> None:
    stacks, s3 = sandbox.client("cloudformation"), sandbox.client("s3")
    impossible = {"Type": "AWS::SecretsManager::SecretTargetAttachment", "Properties": {"SecretId": "none"}}
    assert deploy(stacks, "logging", logging(impossible)) == "ROLLBACK_FAILED"
    assert any("not empty" in reason.lower() or "notempty" in reason.lower() for reason in reasons(stacks, "logging"))
    events = stacks.describe_stack_events(StackName="logging")["StackEvents"]
    bucket = next(each["PhysicalResourceId"] for each in events if each["LogicalResourceId"] == "Logs")
    (written,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert written["Key"].startswith("alb/AWSLogs/")
    S3(s3, "us-east-1").empty(bucket)
    S3(s3, "us-east-1").delete_bucket(bucket)
    stacks.delete_stack(StackName="logging")
    assert settle(stacks, "logging") == "GONE"


def test_a_protected_load_balancer_holds_its_stack_until_that_is_lifted(sandbox: Sandbox) -> None:
    stacks, balancers = sandbox.client("cloudformation"), sandbox.client("elbv2")
    assert deploy(stacks, "protected", PROTECTED) == "CREATE_COMPLETE"
    stacks.delete_stack(StackName="protected")
    assert settle(stacks, "protected") == "DELETE_FAILED"
    assert any("deletion protection is enabled" in reason for reason in reasons(stacks, "protected"))
    arn = balancers.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    LoadBalancers(balancers).lift_protection(arn)
    stacks.delete_stack(StackName="protected")
    assert settle(stacks, "protected") == "GONE"
    LoadBalancers(balancers).lift_protection(arn)  # one that is gone is no error


def test_change_sets_that_are_to_create_the_same_stack_share_it_and_one_is_executed(sandbox: Sandbox) -> None:
    stacks = sandbox.client("cloudformation")
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})

    def create(name: str) -> Any:
        return stacks.create_change_set(
            StackName="shared", ChangeSetName=name, ChangeSetType="CREATE", TemplateBody=body
        )

    first, second = create("first"), create("second")
    assert first["StackId"] == second["StackId"]
    stacks.execute_change_set(ChangeSetName=first["Id"])
    with pytest.raises(ClientError) as unknown:
        stacks.execute_change_set(ChangeSetName=second["Id"])
    assert unknown.value.response["Error"]["Code"] == "ChangeSetNotFound"
    assert settle(stacks, "shared") == "CREATE_COMPLETE"
    assert stacks.describe_stacks(StackName=first["StackId"])["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(ClientError) as there:
        create("third")
    error = there.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert error["Message"].startswith("Stack [shared] already exists and cannot be created again with the changeSet")


def test_a_lock_of_the_local_target_has_an_age_and_its_holder(sandbox: Sandbox) -> None:
    made = sandbox.client("s3")
    made.create_bucket(Bucket="locks-age")
    s3 = S3(made, "us-east-1")
    assert s3.put_if("locks-age", "locks/dev.json", b"{}", etag=None, notes={"holder-process": "12"})
    stored = s3.get("locks-age", "locks/dev.json")
    assert stored is not None
    assert stored.age is not None
    assert 0 <= stored.age < 30
    assert stored.notes == {"holder-process": "12"}
    assert s3.ahead == 0.0


def test_a_log_group_that_somebody_made_is_neither_emptied_nor_taken_over(sandbox: Sandbox) -> None:
    stacks, logs = sandbox.client("cloudformation"), sandbox.client("logs")
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/taken"}}
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "one"}}
    logs.create_log_group(logGroupName="/taken")
    logs.create_log_stream(logGroupName="/taken", logStreamName="kept")
    assert deploy(stacks, "taking", {"Resources": {"Topic": topic}}) == "CREATE_COMPLETE"
    assert deploy(stacks, "taking", {"Resources": {"Topic": topic, "Group": group}}) == "UPDATE_ROLLBACK_COMPLETE"
    assert any("AlreadyExists" in reason for reason in reasons(stacks, "taking"))
    assert logs.describe_log_streams(logGroupName="/taken")["logStreams"][0]["logStreamName"] == "kept"
    stacks.delete_stack(StackName="taking")


def test_the_failed_event_of_an_update_has_the_physical_id(sandbox: Sandbox) -> None:
    stacks = sandbox.client("cloudformation")
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "one"}}
    attachment = {"Type": "AWS::SecretsManager::SecretTargetAttachment", "Properties": {"SecretId": "none"}}
    assert deploy(stacks, "named", {"Resources": {"Secret": secret}}) == "CREATE_COMPLETE"
    changed = {**secret, "Properties": {"Name": "one", "Description": "new"}}
    resources = {"Secret": changed, "Attachment": {**attachment, "DependsOn": "Secret"}}
    assert deploy(stacks, "named", {"Resources": resources}) == "UPDATE_ROLLBACK_COMPLETE"
    events = stacks.describe_stack_events(StackName="named")["StackEvents"]
    begun = [each for each in events if each["LogicalResourceId"] == "Secret"
             and each["ResourceStatus"] == "UPDATE_IN_PROGRESS"]  # fmt: skip
    assert begun
    assert all(":secret:one" in each["PhysicalResourceId"] for each in begun)
    stacks.delete_stack(StackName="named")


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_amazon_linux_is_there_for_both_architectures(sandbox: Sandbox, architecture: str) -> None:
    image = Parameters(sandbox.client("ssm")).amazon_linux_image(architecture)
    account = Account(sandbox.client)
    assert account.image_fits(image, architecture)
    assert not account.image_fits(image, "arm64" if architecture == "x86_64" else "x86_64")


def test_an_alarm_may_watch_an_expression(sandbox: Sandbox) -> None:
    stacks = sandbox.client("cloudformation")
    metric = {"Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Dimensions": [{"Name": "A", "Value": "b"}]}
    stat = {"Metric": metric, "Period": 60, "Stat": "SampleCount"}
    for threshold in (1, 2):  # made, then changed
        properties = {
            "Metrics": [
                {"Id": "measured", "MetricStat": stat, "ReturnData": False},
                {"Id": "filled", "Expression": "FILL(measured, 0)", "ReturnData": True},
            ],
            "ComparisonOperator": "LessThanThreshold", "Threshold": threshold, "EvaluationPeriods": 15,
        }  # fmt: skip
        template = {"Resources": {"Calculated": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}
        status = deploy(stacks, "calculating", template)
        assert status == ("CREATE_COMPLETE" if threshold == 1 else "UPDATE_COMPLETE"), reasons(stacks, "calculating")
        (alarm,) = sandbox.client("cloudwatch").describe_alarms(AlarmNamePrefix="calculating-")["MetricAlarms"]
        assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("SampleCount", 60, threshold)
