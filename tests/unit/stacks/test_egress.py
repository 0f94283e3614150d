"""The egress stack: NAT, default routes, endpoints, flow log."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.stacks import egress
from opsctl.stacks.model import FromOutput
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, statements, sub


def build(name: str, **settings: Any) -> Stack:
    return Stack(egress.build(environment(name, **settings)))


def default_routes(stack: Stack) -> dict[str, dict[str, Any]]:
    """Default routes of the private route tables."""
    return stack.of_type("AWS::EC2::Route")


@pytest.mark.parametrize("name", ["dev", "prd"])
def test_every_private_route_table_has_its_default_route(name: str) -> None:
    routes = default_routes(build(name))
    zones = environment(name).vpc.availability_zones
    assert list(routes) == [f"Private{letter.upper()}DefaultRoute" for letter in zones]
    assert [route["RouteTableId"] for route in routes.values()] == [
        {"Fn::Select": [number, {"Fn::Split": [",", ref("PrivateRouteTableIds")]}]} for number in range(len(zones))
    ]


def test_gateways_stand_in_the_public_subnets_of_their_zones() -> None:
    gateways = build("prd").of_type("AWS::EC2::NatGateway").values()
    assert [gateway["SubnetId"] for gateway in gateways] == [
        {"Fn::Select": [number, {"Fn::Split": [",", ref("PublicSubnetIds")]}]} for number in range(3)
    ]


def test_each_zone_leaves_by_its_own_gateway_where_there_are_enough() -> None:
    routes = default_routes(build("prd"))
    gateways = [route["NatGatewayId"]["Ref"] for route in routes.values()]
    assert gateways == ["NatAGateway", "NatBGateway", "NatCGateway"]


def test_zones_share_gateways_where_there_are_fewer() -> None:
    stack = build("prd", vpc__nat_gateways=1)
    assert list(stack.of_type("AWS::EC2::NatGateway")) == ["NatAGateway"]
    assert {route["NatGatewayId"]["Ref"] for route in default_routes(stack).values()} == {"NatAGateway"}


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
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert endpoint["RouteTableIds"] == {"Fn::Split": [",", ref("PrivateRouteTableIds")]}


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
    opened = statements(build("dev", application__jobs__dataset__reads=LISTED)["S3Endpoint"]["PolicyDocument"])
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
        assert one["SecurityGroupIds"] == [ref("EndpointSecurityGroupId")]
        assert one["SubnetIds"] == {"Fn::Split": [",", ref("PrivateSubnetIds")]}
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
