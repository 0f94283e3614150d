"""Address plan, subnets and route tables of the VPC."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from troposphere import Ref, Sub, Tags, ec2

from opsctl.config.models import Environment
from opsctl.stacks.parts.base import StackBuilder


@dataclass(frozen=True, slots=True)
class Zone:
    """What one availability zone gets. The public /26 has room for the load balancer: it asks for 8 free addresses
    in a /27 or larger, and two zones. [UG ALB]
    """

    letter: str
    public_cidr: str
    private_cidr: str


@dataclass(frozen=True, slots=True)
class Subnets:
    """Logical ids by zone, in the configuration's order."""

    public: tuple[Any, ...]
    private: tuple[Any, ...]
    private_route_tables: tuple[Any, ...]


def address_plan(env: Environment) -> tuple[Zone, ...]:
    """The VPC's first /22 holds the public /26s, each zone's private /22 follows.

    Zones are numbered by their letter, not by their place in the list: adding one later moves no other's addresses,
    which would replace its subnets. Where the range is too small for that, they are packed in the list's order.
    """
    network = ipaddress.IPv4Network(env.vpc.cidr)
    blocks = list(network.subnets(new_prefix=22))
    public = list(blocks[0].subnets(new_prefix=26))
    letters = env.vpc.availability_zones
    places = [ord(letter) - ord("a") for letter in letters]
    if max(places) + 1 >= len(blocks):
        places = list(range(len(letters)))
    return tuple(
        Zone(letter, str(public[place]), str(blocks[place + 1])) for letter, place in zip(letters, places, strict=True)
    )


def add_subnets(stack: StackBuilder, vpc: Any) -> Subnets:
    """Public and private subnets of every zone; the public ones share a route table, private ones have their own."""
    gateway = stack.add(ec2.InternetGateway("InternetGateway", Tags=name_tag(stack.env, "internet")))
    attachment = stack.add(
        ec2.VPCGatewayAttachment("InternetGatewayAttachment", VpcId=Ref(vpc), InternetGatewayId=Ref(gateway))
    )
    table = stack.add(ec2.RouteTable("PublicRouteTable", VpcId=Ref(vpc), Tags=name_tag(stack.env, "public")))
    stack.add(
        ec2.Route(
            "PublicDefaultRoute",
            RouteTableId=Ref(table),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=Ref(gateway),
            DependsOn=attachment.title,
        )
    )
    public, private, tables = [], [], []
    for zone in address_plan(stack.env):
        public.append(_subnet(stack, vpc, zone, "Public", zone.public_cidr))
        _associate(stack, public[-1], table)
        private.append(_subnet(stack, vpc, zone, "Private", zone.private_cidr))
        name = f"private-{zone.letter}"
        title = f"Private{zone.letter.upper()}RouteTable"
        tables.append(stack.add(ec2.RouteTable(title, VpcId=Ref(vpc), Tags=name_tag(stack.env, name))))
        _associate(stack, private[-1], tables[-1])
    return Subnets(tuple(public), tuple(private), tuple(tables))


def name_tag(env: Environment, part: str) -> Tags:
    """The name that the console shows; all other tags come from the stack."""
    return Tags(Name=f"{env.name}-{env.service}-{part}")


def _subnet(stack: StackBuilder, vpc: Any, zone: Zone, kind: str, cidr: str) -> Any:
    return stack.add(
        ec2.Subnet(
            f"{kind}{zone.letter.upper()}Subnet",
            VpcId=Ref(vpc),
            AvailabilityZone=Sub(f"${{AWS::Region}}{zone.letter}"),
            CidrBlock=cidr,
            MapPublicIpOnLaunch=False,
            Tags=name_tag(stack.env, f"{kind.lower()}-{zone.letter}"),
        )
    )


def _associate(stack: StackBuilder, subnet: Any, table: Any) -> None:
    title = f"{subnet.title}Routes"
    stack.add(ec2.SubnetRouteTableAssociation(title, SubnetId=Ref(subnet), RouteTableId=Ref(table)))
