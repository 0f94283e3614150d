"""Lists that the network stack hands over as comma-joined text."""

from __future__ import annotations

from typing import Any

from troposphere import Split

from opsctl.stacks.parts.base import StackBuilder


def private_subnets(stack: StackBuilder) -> Any:
    """Ids of the private subnets, one a zone."""
    return Split(",", stack.output_of("network", "PrivateSubnetIds"))


def public_subnets(stack: StackBuilder) -> Any:
    """Ids of the public subnets, one a zone."""
    return Split(",", stack.output_of("network", "PublicSubnetIds"))
