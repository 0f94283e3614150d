"""How what runs in private subnets reaches AWS and the internet: NAT, default routes, endpoints; and the flow log.

A stack of its own, since NAT and endpoints take minutes that a database does not have to wait for.
"""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Join, Ref, Split, Sub, ec2, iam

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder, arn, named
from opsctl.stacks.parts.nat import add_nat
from opsctl.stacks.parts.network_inputs import private_route_tables, private_subnets, vpc
from opsctl.stacks.parts.policies import SAME_ACCOUNT, allow, document, objects_in, trust
from opsctl.stacks.parts.subnets import name_tag

# What tasks and functions in private subnets call. [UG ECR vpc-endpoints; control EC2.55/56]
INTERFACE_SERVICES = {"EcrApi": "ecr.api", "EcrDkr": "ecr.dkr", "Logs": "logs", "SecretsManager": "secretsmanager"}


def build(env: Environment) -> StackTemplate:
    """The egress stack. No outputs: what needs a way out comes after it."""
    stack = StackBuilder(env, "egress")
    add_nat(stack)
    _s3_endpoint(stack)
    if env.vpc.interface_endpoints:
        _interface_endpoints(stack)
    _flow_log(stack)
    return stack.finish()


def _s3_endpoint(stack: StackBuilder) -> None:
    """Free, and it keeps image layers off the NAT. It acts through route tables: every private one is listed.

    Through it S3 has only what is named here: answers of custom resources and wait conditions, image layers of ECR, the
    environment's own buckets, and the sources of others that the configuration lists. [UG CFN cfn-vpce-bucketnames; UG
    ECR vpc-endpoints]
    """
    application = stack.env.application
    buckets = [stack.output_of("platform", f"{naming.part_id(name)}BucketName") for name in application.buckets]
    buckets.append(stack.output_of("bootstrap", "ArtifactBucketName"))
    sources = list(dict.fromkeys(each for _, process in application.processes() for each in process.reads))
    own = [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetBucketLocation",
        "s3:ListBucket",
        "s3:ListMultipartUploadParts",
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
        allow("UseOwnBuckets", own, [each for name in buckets for each in _bucket_arns(name)], principal="*"),
    ]
    if sources:
        # Whether they are read as s3:// with the task's role, or by https without any.
        statements.append(allow("ReadSources", "s3:GetObject", objects_in(sources), principal="*"))
    if stack.env.security.egress is None:
        # Tasks may connect to everything, so to everybody's buckets; whose they may use, their roles say.
        statements = [allow("UseS3", "s3:*", "*", principal="*")]
    stack.add(
        ec2.VPCEndpoint(
            "S3Endpoint",
            VpcId=vpc(stack),
            VpcEndpointType="Gateway",
            ServiceName=Sub("com.amazonaws.${AWS::Region}.s3"),
            RouteTableIds=private_route_tables(stack),
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
    return [Sub(f"arn:${{AWS::Partition}}:s3:::{named(name)}{tail}") for tail in ("", "/*")]


def _interface_endpoints(stack: StackBuilder) -> None:
    for name, service_name in INTERFACE_SERVICES.items():
        stack.add(
            ec2.VPCEndpoint(
                f"{name}Endpoint",
                VpcId=vpc(stack),
                VpcEndpointType="Interface",
                ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service_name}"),
                PrivateDnsEnabled=True,
                SubnetIds=private_subnets(stack),
                SecurityGroupIds=[stack.output_of("network", "EndpointSecurityGroupId")],
            )
        )


def _flow_log(stack: StackBuilder) -> None:
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
            ResourceId=vpc(stack),
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="cloud-watch-logs",
            LogGroupName=group,
            DeliverLogsPermissionArn=GetAtt(role, "Arn"),
            MaxAggregationInterval=600,
            Tags=name_tag(stack.env, "flow-log"),
        )
    )
