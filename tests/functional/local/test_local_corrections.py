"""Where the emulator alone is kinder than AWS, it behaves as AWS does."""

from __future__ import annotations

import pytest

from opsctl.aws.load_balancers import LoadBalancers
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
