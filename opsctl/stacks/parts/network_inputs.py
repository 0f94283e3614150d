"""What the network stack hands over; its lists are text joined by commas."""

from __future__ import annotations

from typing import Any

from troposphere import Split

from opsctl.stacks.parts.base import StackBuilder


def vpc(stack: StackBuilder) -> Any:
    """Id of the VPC."""
    return stack.output_of("network", "VpcId")


def private_subnets(stack: StackBuilder) -> Any:
    """Ids of the private subnets, one a zone, in the configuration's order."""
    return Split(",", stack.output_of("network", "PrivateSubnetIds"))


def public_subnets(stack: StackBuilder) -> Any:
    """Ids of the public subnets, one a zone, in the configuration's order."""
    return Split(",", stack.output_of("network", "PublicSubnetIds"))


def private_route_tables(stack: StackBuilder) -> Any:
    """Ids of the private subnets' route tables, in the same order."""
    return Split(",", stack.output_of("network", "PrivateRouteTableIds"))
