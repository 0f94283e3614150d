"""Endpoints of AWS's services in the VPC, and what each lets pass: this account's roles, to what this account has.

So keys of another account are of no use in a task, nor does anything leave by these ways for one. An endpoint's policy
grants nothing, it is the most that roles can do through it. Every service here takes one. [UG PrivateLink
vpc-endpoints-access; aws-samples/data-perimeter-policy-examples] The NAT instance gets Amazon Linux's packages past
them all: it is in a public subnet, whose routes lead to no endpoint.
"""

from __future__ import annotations

from typing import Any

from troposphere import Join, Ref, Split, Sub, ec2

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.stacks.parts.base import StackBuilder, arn, named
from opsctl.stacks.parts.network_inputs import private_route_tables, private_subnets, vpc
from opsctl.stacks.parts.policies import OWN, OWN_PRINCIPAL, Statement, allow, document, objects_in
from opsctl.stacks.parts.tasks import PULL, ask_for_tasks, readable, repository_arn

OWN_BUCKETS = [
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetBucketLocation",
    "s3:ListBucket",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
]
# What DbInit does, starting a task, and the function that rotates the master's password. [UG Secrets Manager, rotation]
OWN_SECRETS = [
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
]


def interface_services(env: Environment) -> dict[str, str]:
    """What tasks and functions in private subnets call, by title. [UG ECR vpc-endpoints; control EC2.55/56]"""
    found = {"EcrApi": "ecr.api", "EcrDkr": "ecr.dkr", "Logs": "logs", "SecretsManager": "secretsmanager"}
    asks = any(process.alone for _, process in env.application.processes())
    return {**found, "Ecs": "ecs"} if asks else found


def interface_endpoints(stack: StackBuilder) -> None:
    """Add one endpoint a service, with an address in every private subnet."""
    for name, service_name in interface_services(stack.env).items():
        stack.add(
            ec2.VPCEndpoint(
                f"{name}Endpoint",
                VpcId=vpc(stack),
                VpcEndpointType="Interface",
                ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service_name}"),
                PrivateDnsEnabled=True,
                SubnetIds=private_subnets(stack),
                SecurityGroupIds=[stack.output_of("network", "EndpointSecurityGroupId")],
                PolicyDocument=document(*_passing(stack, name)),
            )
        )


def _passing(stack: StackBuilder, name: str) -> list[Statement]:
    if name == "Logs":
        groups = arn("logs", f"log-group:{naming.log_group(stack.env, '*')}")
        actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
        return [allow("WriteLogs", actions, groups, principal="*", condition=OWN)]
    if name == "SecretsManager":
        return _secrets(stack.env)
    if name == "Ecs":
        # Their own conditions name the cluster, and with it the account: ListTasks is about no resource.
        return [_by_own_roles(statement) for statement in ask_for_tasks(stack)]
    # ECR. A repository that another environment manages may be another account's; its name is what is known.
    whose = OWN if stack.env.ecs.manage_repository else OWN_PRINCIPAL
    return [
        allow("LogInToRegistry", "ecr:GetAuthorizationToken", "*", principal="*", condition=OWN_PRINCIPAL),
        allow("Pull", PULL, repository_arn(stack.env), principal="*", condition=whose),
    ]


def _secrets(env: Environment) -> list[Statement]:
    own = arn("secretsmanager", "secret:*")
    foreign = [place for place in env.application.secrets.values() if place.startswith("arn:")]
    statements = [
        allow("UseOwnSecrets", OWN_SECRETS, own, principal="*", condition=OWN),
        # It is about no secret.
        allow("MakePasswords", "secretsmanager:GetRandomPassword", "*", principal="*", condition=OWN_PRINCIPAL),
    ]
    if foreign:
        # What the configuration takes from where it is, in this account or another one.
        read = "secretsmanager:GetSecretValue"
        places = [readable(place) for place in foreign]
        statements.append(allow("ReadNamedSecrets", read, places, principal="*", condition=OWN_PRINCIPAL))
    return statements


def _by_own_roles(statement: Statement) -> Statement:
    return {**statement, "Principal": "*", "Condition": {**statement["Condition"], **OWN_PRINCIPAL}}


def s3_endpoint(stack: StackBuilder) -> None:
    """Free, and it keeps image layers off the NAT. It acts through route tables: every private one is listed.

    Through it S3 has only what is named here: answers of custom resources and wait conditions, image layers of ECR, the
    environment's own buckets, and the sources of others that the configuration lists. The first two are asked for by
    addresses that AWS's own accounts signed, the last perhaps by nobody in particular, so these name no account. [UG
    CFN cfn-vpce-bucketnames; UG ECR vpc-endpoints]
    """
    application = stack.env.application
    buckets = [stack.output_of("platform", f"{naming.part_id(name)}BucketName") for name in application.buckets]
    buckets.append(stack.output_of("bootstrap", "ArtifactBucketName"))
    own = [each for name in buckets for each in _bucket_arns(name)]
    sources = list(dict.fromkeys(each for _, process in application.processes() for each in process.reads))
    statements = [
        allow("AnswerCloudFormation", "s3:PutObject", _cloudformation_buckets(), principal="*"),
        allow(
            "PullImageLayers",
            "s3:GetObject",
            [Sub("arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*")],
            principal="*",
        ),
        allow("UseOwnBuckets", OWN_BUCKETS, own, principal="*", condition=OWN),
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
