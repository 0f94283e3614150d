"""The VPC, its subnets and route tables, and every security group with all rules between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from troposphere import GetAtt, Join, Ref, ec2

from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.security_groups import add_security_groups
from opsctl.stacks.parts.subnets import add_subnets, name_tag


def build(env: Environment) -> StackTemplate:
    """The network stack. Outputs: VpcId, ids of subnets and private route tables, and one id per security group."""
    stack = StackBuilder(env, "network")
    vpc = stack.add(
        ec2.VPC(
            "Vpc",
            CidrBlock=env.vpc.cidr,
            EnableDnsSupport=True,
            EnableDnsHostnames=True,  # private names of interface endpoints need both
            Tags=name_tag(env, "vpc"),
        ),
        stateful=True,
    )
    subnets = add_subnets(stack, vpc)
    groups = add_security_groups(stack, vpc)
    stack.output("VpcId", Ref(vpc), "VPC")
    stack.output("PublicSubnetIds", _joined(subnets.public), "Public subnets, one a zone, joined by commas")
    stack.output("PrivateSubnetIds", _joined(subnets.private), "Private subnets, one a zone, joined by commas")
    stack.output("PrivateRouteTableIds", _joined(subnets.private_route_tables), "Their route tables, in the same order")
    for name, group in groups.items():
        stack.output(f"{name}SecurityGroupId", GetAtt(group, "GroupId"), f"Security group: {name}")
    return stack.finish()


def _joined(resources: Iterable[Any]) -> Any:
    return Join(",", [Ref(resource) for resource in resources])
