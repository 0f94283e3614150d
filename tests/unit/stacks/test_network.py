"""The network stack: addresses, routes, groups. Nothing in it takes minutes."""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import Any

import pytest

from opsctl.stacks import network
from opsctl.stacks.parts.subnets import address_plan
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, sub


def build(name: str, **settings: Any) -> Stack:
    return Stack(network.build(environment(name, **settings)))


@pytest.mark.parametrize("name", NAMES)
def test_every_zone_has_one_public_and_one_private_subnet(name: str) -> None:
    stack = build(name)
    for letter in environment(name).vpc.availability_zones:
        public, private = stack[f"Public{letter.upper()}Subnet"], stack[f"Private{letter.upper()}Subnet"]
        assert public["AvailabilityZone"] == private["AvailabilityZone"] == sub(f"${{AWS::Region}}{letter}")
        assert public["CidrBlock"].endswith("/26")
        assert private["CidrBlock"].endswith("/22")
        assert public["MapPublicIpOnLaunch"] is private["MapPublicIpOnLaunch"] is False


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.0.0.0/18", "10.0.0.0/20", "172.16.128.0/19"])
@pytest.mark.parametrize("letters", [("a", "b"), ("b", "d"), ("a", "b", "c")])
def test_subnets_lie_in_the_vpc_and_never_overlap(cidr: str, letters: tuple[str, ...]) -> None:
    zones = address_plan(environment("dev", vpc__cidr=cidr, vpc__availability_zones=letters))
    blocks = [ipaddress.IPv4Network(block) for zone in zones for block in (zone.public_cidr, zone.private_cidr)]
    assert all(block.subnet_of(ipaddress.IPv4Network(cidr)) for block in blocks)
    assert not any(one.overlaps(other) for one, other in combinations(blocks, 2))


def test_adding_a_zone_moves_no_other_zones_addresses() -> None:
    two = address_plan(environment("dev", vpc__availability_zones=("b", "d")))
    four = address_plan(environment("dev", vpc__availability_zones=("a", "b", "c", "d")))
    assert set(two) < set(four)


def test_private_subnets_each_have_a_route_table() -> None:
    associations = build("prd").of_type("AWS::EC2::SubnetRouteTableAssociation")
    tables = [one["RouteTableId"]["Ref"] for one in associations.values()]
    assert sorted(tables) == [
        "PrivateARouteTable", "PrivateBRouteTable", "PrivateCRouteTable", *["PublicRouteTable"] * 3
    ]  # fmt: skip


def test_the_route_to_the_internet_waits_for_the_gateways_attachment() -> None:
    assert build("dev").attribute("PublicDefaultRoute", "DependsOn") == "InternetGatewayAttachment"


def test_the_vpc_counts_as_something_that_must_not_be_replaced_by_chance() -> None:
    assert build("dev").template.stateful == ("Vpc",)


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_agreed_outputs(name: str) -> None:
    outputs = build(name).outputs
    groups = ("LoadBalancer", "Service", "Jobs", "DbInit", "Database", "Rotation")
    for group in groups:
        assert outputs[f"{group}SecurityGroupId"] == {"Fn::GetAtt": [f"{group}SecurityGroup", "GroupId"]}
    letters = environment(name).vpc.availability_zones
    for output, kind, what in (
        ("PublicSubnetIds", "Public", "Subnet"),
        ("PrivateSubnetIds", "Private", "Subnet"),
        ("PrivateRouteTableIds", "Private", "RouteTable"),
    ):
        expected = [",", [ref(f"{kind}{letter.upper()}{what}") for letter in letters]]
        assert outputs[output] == {"Fn::Join": expected}
    assert ("EndpointSecurityGroupId" in outputs) == environment(name).vpc.interface_endpoints


def test_it_waits_for_no_other_stack() -> None:
    assert build("prd").template.depends_on == ()
