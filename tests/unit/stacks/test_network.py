"""The network stack: addresses, routes, endpoints, flow logs."""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import Any

import pytest

from opsctl.stacks import network
from opsctl.stacks.model import FromOutput
from opsctl.stacks.parts.subnets import address_plan
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, statements, sub


def build(name: str, **settings: Any) -> Stack:
    return Stack(network.build(environment(name, **settings)))


def default_routes(stack: Stack) -> dict[str, dict[str, Any]]:
    """Default routes of the private route tables."""
    routes = stack.of_type("AWS::EC2::Route")
    return {name: route for name, route in routes.items() if route["RouteTableId"]["Ref"].startswith("Private")}


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


def test_each_zone_leaves_by_its_own_gateway_where_there_are_enough() -> None:
    routes = default_routes(build("prd"))
    gateways = [route["NatGatewayId"]["Ref"] for route in routes.values()]
    assert gateways == ["NatAGateway", "NatBGateway", "NatCGateway"]


def test_zones_share_gateways_where_there_are_fewer() -> None:
    stack = build("prd", vpc__nat_gateways=1)
    assert list(stack.of_type("AWS::EC2::NatGateway")) == ["NatAGateway"]
    assert {route["NatGatewayId"]["Ref"] for route in default_routes(stack).values()} == {"NatAGateway"}


def test_addresses_of_gateways_wait_for_the_attachment() -> None:
    stack = build("prd")
    for name in stack.of_type("AWS::EC2::EIP"):
        assert stack.attribute(name, "DependsOn") == "InternetGatewayAttachment"


def test_only_the_routes_of_the_mode_in_force_exist() -> None:
    instance = default_routes(build("dev"))
    assert all(set(route) == {"RouteTableId", "DestinationCidrBlock", "InstanceId"} for route in instance.values())
    gateways = default_routes(build("hml"))
    assert all(set(route) == {"RouteTableId", "DestinationCidrBlock", "NatGatewayId"} for route in gateways.values())
    assert default_routes(build("local")) == {}
    assert not build("hml").of_type("AWS::EC2::Instance")
    assert not build("local").of_type("AWS::EC2::NatGateway")


@pytest.mark.parametrize("name", NAMES)
def test_the_s3_endpoint_acts_on_every_private_route_table(name: str) -> None:
    endpoint = build(name)["S3Endpoint"]
    letters = environment(name).vpc.availability_zones
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert endpoint["RouteTableIds"] == [ref(f"Private{letter.upper()}RouteTable") for letter in letters]


def test_the_s3_endpoint_lets_custom_resources_answer_and_image_layers_through() -> None:
    policy = statements(build("dev")["S3Endpoint"]["PolicyDocument"])
    answers = policy["AnswerCloudFormation"]
    assert answers["Action"] == "s3:PutObject"
    buckets = "arn:${AWS::Partition}:s3:::cloudformation-"
    assert sub(f"{buckets}custom-resource-response-${{AWS::Region}}/*") in answers["Resource"]
    assert sub(f"{buckets}waitcondition-${{AWS::Region}}/*") in answers["Resource"]
    layers = policy["PullImageLayers"]
    assert layers["Resource"] == [sub("arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*")]
    assert layers["Action"] == "s3:GetObject"


def test_the_s3_endpoint_names_the_environments_own_buckets_and_no_others() -> None:
    stack = build("dev")
    own = statements(stack["S3Endpoint"]["PolicyDocument"])["UseOwnBuckets"]
    assert [one["Fn::Sub"].split(":::")[1] for one in own["Resource"]] == [
        "${DatasetBucketName}", "${DatasetBucketName}/*", "${ArtifactBucketName}", "${ArtifactBucketName}/*"
    ]  # fmt: skip
    assert stack.template.parameters["DatasetBucketName"] == FromOutput("platform", "DatasetBucketName")
    assert stack.template.parameters["ArtifactBucketName"] == FromOutput("bootstrap", "ArtifactBucketName")


LISTED = ["open-data", "others/salaries/2026"]
LISTED_OBJECTS = [sub(f"arn:${{AWS::Partition}}:s3:::{each}*") for each in ("open-data/", "others/salaries/2026")]


def test_listed_sources_are_read_through_the_s3_endpoint_and_no_others() -> None:
    opened = statements(build("dev", ecs__dataset_sources=LISTED)["S3Endpoint"]["PolicyDocument"])
    through = opened.pop("ReadSources")
    assert (through["Action"], through["Resource"], through["Principal"]) == ("s3:GetObject", LISTED_OBJECTS, "*")
    assert opened == statements(build("dev")["S3Endpoint"]["PolicyDocument"])


def test_interface_endpoints_cover_what_a_task_needs_without_nat() -> None:
    endpoints = build("prd").of_type("AWS::EC2::VPCEndpoint")
    interfaces = [one for one in endpoints.values() if one["VpcEndpointType"] == "Interface"]
    services = {one["ServiceName"]["Fn::Sub"].removeprefix("com.amazonaws.${AWS::Region}.") for one in interfaces}
    assert services == {"ecr.api", "ecr.dkr", "logs", "secretsmanager"}
    for one in interfaces:
        assert one["PrivateDnsEnabled"] is True
        assert one["SecurityGroupIds"] == [ref("EndpointSecurityGroup")]
        assert len(one["SubnetIds"]) == 3
    assert list(build("dev").of_type("AWS::EC2::VPCEndpoint")) == ["S3Endpoint"]


def test_flow_logs_go_to_their_group_under_a_role_that_can_write_nowhere_else() -> None:
    stack = build("prd")
    assert stack["FlowLog"]["TrafficType"] == "ALL"
    assert stack["FlowLog"]["LogGroupName"] == ref("FlowLogGroupName")
    assert stack["FlowLog"]["DeliverLogsPermissionArn"] == {"Fn::GetAtt": ["FlowLogRole", "Arn"]}
    trust = stack["FlowLogRole"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    written = stack["FlowLogRole"]["Policies"][0]["PolicyDocument"]["Statement"][0]
    assert all("${FlowLogGroupName}" in one["Fn::Sub"] for one in written["Resource"])
    assert not build("dev").of_type("AWS::EC2::FlowLog")


def test_the_vpc_counts_as_something_that_must_not_be_replaced_by_chance() -> None:
    assert build("dev").template.stateful == ("Vpc",)


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_agreed_outputs(name: str) -> None:
    outputs = build(name).outputs
    groups = ("LoadBalancer", "Service", "Jobs", "DbInit", "Database", "Rotation")
    for group in groups:
        assert outputs[f"{group}SecurityGroupId"] == {"Fn::GetAtt": [f"{group}SecurityGroup", "GroupId"]}
    letters = environment(name).vpc.availability_zones
    for kind in ("Public", "Private"):
        expected = [",", [ref(f"{kind}{letter.upper()}Subnet") for letter in letters]]
        assert outputs[f"{kind}SubnetIds"] == {"Fn::Join": expected}
