"""The egress stack: NAT in either mode, and what passes through the S3 endpoint."""

from __future__ import annotations

from typing import Any

from opsctl.stacks import egress
from opsctl.stacks.parts.nat import user_data
from tests.unit.stacks.reading import Stack, environment, statements, sub


def build(name: str, **settings: Any) -> Stack:
    return Stack(egress.build(environment(name, **settings)))


def test_zones_share_gateways_where_there_are_fewer() -> None:
    stack = build("prd", vpc__nat_gateways=1)
    assert list(stack.of_type("AWS::EC2::NatGateway")) == ["NatAGateway"]
    assert {route["NatGatewayId"]["Ref"] for route in stack.of_type("AWS::EC2::Route").values()} == {"NatAGateway"}


def test_another_script_makes_another_nat_instance_since_it_runs_at_first_launch_only() -> None:
    (one, script), (other, _) = user_data("10.20.0.0/16"), user_data("10.30.0.0/16")
    assert one != other
    assert one in script  # what it signals is itself


def test_only_burstable_types_are_kept_from_running_up_a_bill() -> None:
    (instance,) = build("dev", nat__instance_type="c7g.medium").of_type("AWS::EC2::Instance").values()
    assert "CreditSpecification" not in instance


LISTED = ["open-data", "others/salaries/2026"]
LISTED_OBJECTS = [sub(f"arn:${{AWS::Partition}}:s3:::{each}*") for each in ("open-data/", "others/salaries/2026")]


def test_listed_sources_are_read_through_the_s3_endpoint_and_no_others() -> None:
    opened = statements(build("dev", application__jobs__dataset__reads=LISTED)["S3Endpoint"]["PolicyDocument"])
    through = opened.pop("ReadSources")
    assert (through["Action"], through["Resource"], through["Principal"]) == ("s3:GetObject", LISTED_OBJECTS, "*")
    assert opened == statements(build("dev")["S3Endpoint"]["PolicyDocument"])
