"""Who may talk to whom."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.stacks import network
from tests.unit.stacks.reading import NAMES, Stack, environment, ref

INGRESS, EGRESS = "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"


def build(name: str, **settings: Any) -> Stack:
    return Stack(network.build(environment(name, **settings)))


def rules(stack: Stack, kind: str, group: str) -> set[tuple[str, int]]:
    """(other side, port) of all rules of one direction of one group."""
    side = {INGRESS: "SourceSecurityGroupId", EGRESS: "DestinationSecurityGroupId"}[kind]
    found = set()
    for rule in stack.of_type(kind).values():
        if rule["GroupId"] == ref(f"{group}SecurityGroup"):
            assert rule["FromPort"] == rule["ToPort"]
            other = rule.get("CidrIp") or rule[side]["Ref"].removesuffix("SecurityGroup")
            found.add((other, rule["FromPort"]))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_only_the_load_balancer_takes_connections_from_anywhere(name: str) -> None:
    open_to_all = [rule for rule in build(name).of_type(INGRESS).values() if rule.get("CidrIp") == "0.0.0.0/0"]
    assert {rule["GroupId"]["Ref"] for rule in open_to_all} == {"LoadBalancerSecurityGroup"}
    ports = {rule["FromPort"] for rule in open_to_all}
    assert ports == ({80, 443} if environment(name).serves_https else {80})


@pytest.mark.parametrize("name", NAMES)
def test_the_database_is_reached_by_its_four_clients_only(name: str) -> None:
    port = environment(name).rds.port
    clients = {(client, port) for client in ("Service", "Jobs", "DbInit", "Rotation")}
    stack = build(name)
    assert rules(stack, INGRESS, "Database") == clients
    assert rules(stack, EGRESS, "Database") == set()


def test_the_service_is_reached_by_the_load_balancer_only() -> None:
    stack = build("dev", application__web__port=9000)
    assert rules(stack, INGRESS, "Service") == {("LoadBalancer", 9000)}
    assert rules(stack, EGRESS, "LoadBalancer") == {("Service", 9000)}


@pytest.mark.parametrize("client", ["Service", "Jobs", "DbInit", "Rotation"])
def test_clients_open_connections_to_the_database_and_by_https_and_nowhere_else(client: str) -> None:
    assert rules(build("dev"), EGRESS, client) == {("Database", 5433), ("0.0.0.0/0", 443)}
    assert rules(build("prd"), EGRESS, client) == {("Database", 5433), ("0.0.0.0/0", 443), ("Endpoint", 443)}


@pytest.mark.parametrize("name", NAMES)
def test_no_group_keeps_the_default_rule_that_allows_everything_out(name: str) -> None:
    for group in build(name).of_type("AWS::EC2::SecurityGroup").values():
        assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["127.0.0.1/32"]


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_says_what_it_is_for(name: str) -> None:
    stack = build(name)
    described = [*stack.of_type(INGRESS).values(), *stack.of_type(EGRESS).values()]
    described += [rule for group in stack.of_type("AWS::EC2::SecurityGroup").values() for rule in group["SecurityGroupEgress"]]  # noqa: E501  # fmt: skip
    # The characters and the length that EC2 takes. [API AuthorizeSecurityGroupIngress]
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*")
    for rule in described:
        assert 0 < len(rule["Description"]) <= 255
        assert set(rule["Description"]) <= allowed


def test_groups_have_no_names_and_fixed_descriptions_so_that_no_setting_replaces_them() -> None:
    groups = [build(name).of_type("AWS::EC2::SecurityGroup") for name in NAMES]
    for name in groups[0]:
        assert len({str(found[name]["GroupDescription"]) for found in groups}) == 1
    assert not any("GroupName" in group for found in groups for group in found.values())


def test_port_80_is_the_one_rule_with_a_skipped_check() -> None:
    stack = build("prd")
    assert stack.skips("LoadBalancerFromAnywhereHttp") == {"CKV_AWS_260"}
    assert not any(stack.skips(name) for name in stack.resources if name != "LoadBalancerFromAnywhereHttp")
