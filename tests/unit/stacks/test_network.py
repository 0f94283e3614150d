"""The network stack: addresses, routes, groups. Nothing in it takes minutes."""

from __future__ import annotations

import ipaddress
import re
from itertools import combinations
from typing import Any

import pytest

from opsctl.stacks import network
from opsctl.stacks.parts.subnets import address_plan
from tests.unit.stacks.reading import NAMES, Stack, environment, ref


def build(name: str, **settings: Any) -> Stack:
    return Stack(network.build(environment(name, **settings)))


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


def other_sides(stack: Stack, direction: str, group: str) -> set[tuple[str, int, int]]:
    """(other group, first port, last port) of a group's `Ingress` or `Egress` rules."""
    side = {"Ingress": "SourceSecurityGroupId", "Egress": "DestinationSecurityGroupId"}[direction]
    return {
        (rule[side]["Ref"], rule["FromPort"], rule["ToPort"])
        for rule in stack.of_type(f"AWS::EC2::SecurityGroup{direction}").values()
        if rule["GroupId"] == ref(group)
    }


def test_the_service_is_reached_on_its_port_by_the_load_balancer_only() -> None:
    stack = build("dev", application__web__port=9000)
    assert other_sides(stack, "Ingress", "ServiceSecurityGroup") == {("LoadBalancerSecurityGroup", 9000, 9000)}
    assert other_sides(stack, "Egress", "LoadBalancerSecurityGroup") == {("ServiceSecurityGroup", 9000, 9000)}


ANYWHERE, S3 = "0.0.0.0/0", "S3PrefixListId"
WITH_ENDPOINTS = {"vpc__interface_endpoints": True}


def ways_out(group: str, **settings: Any) -> set[tuple[str, int | None]]:
    """(addresses, port) of what a group sends to addresses; None for every port."""
    return {
        (rule.get("CidrIp") or rule["DestinationPrefixListId"]["Ref"], rule.get("FromPort"))
        for rule in build("dev", **settings).of_type("AWS::EC2::SecurityGroupEgress").values()
        if rule["GroupId"] == ref(f"{group}SecurityGroup") and "DestinationSecurityGroupId" not in rule
    }


@pytest.mark.parametrize("group", ["Service", "Jobs", "DbInit", "Rotation"])
def test_without_endpoints_https_is_the_way_to_aws_s_services(group: str) -> None:
    further = {(ANYWHERE, 587)} if group in {"Service", "Jobs"} else set()
    assert ways_out(group, security__egress=()) == {(ANYWHERE, 443)}
    assert ways_out(group, security__egress=(587,)) == {(ANYWHERE, 443)} | further


@pytest.mark.parametrize("ports", [(), (443,), (443, 587), None])
def test_with_endpoints_the_functions_send_to_nobody_else_whatever_the_application_may(
    ports: tuple[int, ...] | None,
) -> None:
    settings = {**WITH_ENDPOINTS, "security__egress": ports}
    assert ways_out("DbInit", **settings) == {(S3, 443)}
    assert ways_out("Rotation", **settings) == set()


@pytest.mark.parametrize("group", ["Service", "Jobs"])
@pytest.mark.parametrize(
    ("ports", "ways"),
    [
        ((), {(S3, 443)}),
        ((587, 587), {(S3, 443), (ANYWHERE, 587)}),
        ((443,), {(S3, 443), (ANYWHERE, 443)}),
        (None, {(ANYWHERE, None)}),
    ],
)
def test_with_endpoints_tasks_send_to_what_the_setting_says(
    group: str, ports: tuple[int, ...] | None, ways: set[tuple[str, int | None]]
) -> None:
    assert ways_out(group, **WITH_ENDPOINTS, security__egress=ports) == ways


@pytest.mark.parametrize(
    "settings",
    [{}, {"application__web__allow": ("203.0.113.0/24", "2001:db8::/32")}, {"security__egress": (443, 587)},
     {"security__egress": None}],
)  # fmt: skip
@pytest.mark.parametrize("name", ["dev", "prd"])
def test_every_rule_says_what_it_is_for_in_characters_that_ec2_takes(name: str, settings: dict[str, Any]) -> None:
    stack = build(name, **settings)
    rules = [rule for group in stack.of_type("AWS::EC2::SecurityGroup").values() for rule in group["SecurityGroupEgress"]]  # noqa: E501  # fmt: skip
    for direction in ("Ingress", "Egress"):
        rules += stack.of_type(f"AWS::EC2::SecurityGroup{direction}").values()
    # [API AuthorizeSecurityGroupIngress]
    assert all(re.fullmatch(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}", rule["Description"]) for rule in rules)


def test_groups_have_no_names_and_fixed_descriptions_so_that_no_setting_replaces_them() -> None:
    groups = [build(name).of_type("AWS::EC2::SecurityGroup") for name in NAMES]
    for name in groups[0]:
        assert len({str(found[name]["GroupDescription"]) for found in groups}) == 1
    assert not any("GroupName" in group for found in groups for group in found.values())
