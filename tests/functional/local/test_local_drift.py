"""What somebody changes behind CloudFormation's back is found in the emulator, and put back, as on AWS."""

from __future__ import annotations

import time

import pytest

from opsctl.aws.drift import Drifts, ResourceDrift
from tests.functional.local.sandbox import Sandbox
from tests.functional.local.stacks import deploy, outputs, service_template, settle
from tests.functional.local.test_local_service import image

pytestmark = pytest.mark.emulator


def found(sandbox: Sandbox, stack: str) -> dict[str, ResourceDrift]:
    """What a check of the stack finds, by logical id; what is in sync left out."""
    drifts = Drifts(sandbox.client("cloudformation"))
    check = drifts.detect(stack)
    assert check is not None
    assert not drifts.detection(check).is_running
    return {each.logical_id: each for each in drifts.resources(stack) if each.status != "IN_SYNC"}


def revert(sandbox: Sandbox, stack: str, parameters: tuple[str, ...]) -> list[tuple[str, str]]:
    """Put it back; answers what the change set said it would do."""
    client = sandbox.client("cloudformation")
    token = f"revert{time.monotonic_ns()}"
    arn = Drifts(client).create_revert(
        stack, name=token, token=token, parameters=parameters, capabilities=["CAPABILITY_NAMED_IAM"]
    )
    described = client.describe_change_set(ChangeSetName=arn)
    assert described["ExecutionStatus"] == "AVAILABLE", described.get("StatusReason")
    client.execute_change_set(ChangeSetName=arn)
    assert settle(client, stack) == "UPDATE_COMPLETE"
    changes = [each["ResourceChange"] for each in described["Changes"]]
    return [(each["Action"], each["LogicalResourceId"]) for each in changes]


def test_a_services_count_a_listener_and_a_target_group_are_put_back(sandbox: Sandbox) -> None:
    stacks = sandbox.client("cloudformation")
    parameters = {"Image": image(sandbox, "one"), "Count": "1"}
    assert deploy(stacks, "hand", service_template(), parameters) == "CREATE_COMPLETE"
    assert found(sandbox, "hand") == {}

    ecs, balancers = sandbox.client("ecs"), sandbox.client("elbv2")
    ecs.update_service(cluster="tiny", service="tiny", desiredCount=2)
    group = outputs(stacks, "hand")["Targets"]
    balancers.modify_target_group(TargetGroupArn=group, HealthCheckPath="/other")
    (listener,) = balancers.describe_listeners(
        LoadBalancerArn=balancers.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    )["Listeners"]
    balancers.modify_listener(ListenerArn=listener["ListenerArn"], Port=8080)
    drifted = found(sandbox, "hand")
    assert {name: [(each.path, each.expected, each.actual) for each in drift.differences]
            for name, drift in drifted.items()} == {
        "Service": [("/DesiredCount", "1", "2")],
        "Targets": [("/HealthCheckPath", "/healthz", "/other")],
        "Listener": [("/Port", "80", "8080")],
    }  # fmt: skip
    assert stacks.describe_stacks(StackName="hand")["Stacks"][0]["DriftInformation"]["StackDriftStatus"] == "DRIFTED"

    assert sorted(revert(sandbox, "hand", ("Image", "Count"))) == [
        ("Modify", "Listener"), ("Modify", "Service"), ("Modify", "Targets"),
    ]  # fmt: skip
    assert found(sandbox, "hand") == {}
    assert ecs.describe_services(cluster="tiny", services=["tiny"])["services"][0]["desiredCount"] == 1


def test_a_change_set_that_finds_nothing_to_put_back_is_empty(sandbox: Sandbox) -> None:
    stacks = sandbox.client("cloudformation")
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    assert deploy(stacks, "calm", topic) == "CREATE_COMPLETE"
    arn = Drifts(stacks).create_revert("calm", name="r1", token="r1", parameters=(), capabilities=())
    described = stacks.describe_change_set(ChangeSetName=arn)
    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in described["StatusReason"]
