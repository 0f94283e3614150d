"""The VPC, its subnets and ways out, its endpoints, and every security group with all rules between them."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Join, Ref, Split, Sub, ec2, iam

from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder, arn
from opsctl.stacks.parts.nat import add_egress
from opsctl.stacks.parts.policies import SAME_ACCOUNT, allow, document, objects_in, trust
from opsctl.stacks.parts.security_groups import add_security_groups
from opsctl.stacks.parts.subnets import Subnets, add_subnets, name_tag

# What tasks and functions in private subnets call. [UG ECR vpc-endpoints; control EC2.55/56]
INTERFACE_SERVICES = {"EcrApi": "ecr.api", "EcrDkr": "ecr.dkr", "Logs": "logs", "SecretsManager": "secretsmanager"}


def build(env: Environment) -> StackTemplate:
    """The network stack. Outputs: VpcId, PublicSubnetIds, PrivateSubnetIds and one id per security group."""
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
    add_egress(stack, vpc, subnets)
    groups = add_security_groups(stack, vpc)
    _s3_endpoint(stack, vpc, subnets)
    if env.vpc.interface_endpoints:
        _interface_endpoints(stack, vpc, subnets, groups["Endpoint"])
    _flow_log(stack, vpc)
    stack.output("VpcId", Ref(vpc), "VPC")
    stack.output("PublicSubnetIds", _joined(subnets.public), "Public subnets, one a zone, joined by commas")
    stack.output("PrivateSubnetIds", _joined(subnets.private), "Private subnets, one a zone, joined by commas")
    for name, group in groups.items():
        if name != "Endpoint":
            stack.output(f"{name}SecurityGroupId", GetAtt(group, "GroupId"), f"Security group: {name}")
    return stack.finish()


def _joined(resources: tuple[Any, ...]) -> Any:
    return Join(",", [Ref(resource) for resource in resources])


def _s3_endpoint(stack: StackBuilder, vpc: Any, subnets: Subnets) -> None:
    """Free, and it keeps image layers off the NAT. It acts through route tables: every private one is listed.

    Through it S3 has only what is named here: answers of custom resources and wait conditions, image layers of ECR, the
    environment's own buckets, and the sources of others that the configuration lists. [UG CFN cfn-vpce-bucketnames; UG
    ECR vpc-endpoints]
    """
    dataset, artifacts = (
        stack.output_of("platform", "DatasetBucketName"),
        stack.output_of("bootstrap", "ArtifactBucketName"),
    )
    own = [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:PutObject",
    ]
    statements = [
        allow("AnswerCloudFormation", "s3:PutObject", _cloudformation_buckets(), principal="*"),
        allow(
            "PullImageLayers",
            "s3:GetObject",
            [Sub("arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*")],
            principal="*",
        ),
        allow("UseOwnBuckets", own, [*_bucket_arns(dataset), *_bucket_arns(artifacts)], principal="*"),
    ]
    if stack.env.ecs.dataset_sources:
        # Whether they are read as s3:// with the task's role, or by https without any.
        statements.append(
            allow("ReadSources", "s3:GetObject", objects_in(stack.env.ecs.dataset_sources), principal="*")
        )
    stack.add(
        ec2.VPCEndpoint(
            "S3Endpoint",
            VpcId=Ref(vpc),
            VpcEndpointType="Gateway",
            ServiceName=Sub("com.amazonaws.${AWS::Region}.s3"),
            RouteTableIds=[Ref(table) for table in subnets.private_route_tables],
            PolicyDocument=document(*statements),
        )
    )


def _cloudformation_buckets() -> list[Any]:
    """Their names carry the region, written with hyphens in some sources and without in others: both pass."""
    bare = Join("", Split("-", Ref("AWS::Region")))
    buckets: list[Any] = []
    for kind in ("custom-resource-response", "waitcondition"):
        buckets.append(Sub(f"arn:${{AWS::Partition}}:s3:::cloudformation-{kind}-${{AWS::Region}}/*"))
        buckets.append(Sub(f"arn:${{AWS::Partition}}:s3:::cloudformation-{kind}-${{Bare}}/*", Bare=bare))
    return buckets


def _bucket_arns(name: Any) -> list[Any]:
    parameter = name.to_dict()["Ref"]
    return [Sub(f"arn:${{AWS::Partition}}:s3:::${{{parameter}}}{tail}") for tail in ("", "/*")]


def _interface_endpoints(stack: StackBuilder, vpc: Any, subnets: Subnets, group: Any) -> None:
    for name, service_name in INTERFACE_SERVICES.items():
        stack.add(
            ec2.VPCEndpoint(
                f"{name}Endpoint",
                VpcId=Ref(vpc),
                VpcEndpointType="Interface",
                ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service_name}"),
                PrivateDnsEnabled=True,
                SubnetIds=[Ref(subnet) for subnet in subnets.private],
                SecurityGroupIds=[Ref(group)],
            )
        )


def _flow_log(stack: StackBuilder, vpc: Any) -> None:
    """All traffic to CloudWatch Logs. Every property is create-only: a change makes a new flow log. [Schema]"""
    if not stack.env.observability.flow_logs:
        return
    group = stack.output_of("platform", "FlowLogGroupName")
    role = stack.add(
        iam.Role(
            "FlowLogRole",
            AssumeRolePolicyDocument=trust("vpc-flow-logs.amazonaws.com", condition=SAME_ACCOUNT),
            Policies=[
                iam.Policy(
                    PolicyName="write-flow-logs",
                    PolicyDocument=document(
                        allow(
                            "WriteFlowLogs",
                            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                            [
                                arn("logs", "log-group:${FlowLogGroupName}"),
                                arn("logs", "log-group:${FlowLogGroupName}:*"),
                            ],
                        )
                    ),
                )
            ],
        )
    )
    stack.add(
        ec2.FlowLog(
            "FlowLog",
            ResourceId=Ref(vpc),
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="cloud-watch-logs",
            LogGroupName=group,
            DeliverLogsPermissionArn=GetAtt(role, "Arn"),
            MaxAggregationInterval=600,
            Tags=name_tag(stack.env, "flow-log"),
        )
    )
