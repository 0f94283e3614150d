"""Endpoints of AWS's services in the VPC, and what passes through each."""

from __future__ import annotations

from typing import Any

from tests.golden.controls.expectations import contains, equals
from tests.golden.controls.language import (
    DEV,
    EVERYWHERE,
    HML,
    PRD,
    STRICT,
    WHOLE,
    Assertion,
    Control,
    EnvironmentName,
    check,
    control,
    every,
    no,
    none,
    one,
    ref,
    sub,
)
from tests.golden.controls.policies import contains_statement, named_actions, scoped

ENDPOINT = "AWS::EC2::VPCEndpoint"
INTERFACES = {"EcrApi": "ecr.api", "EcrDkr": "ecr.dkr", "Logs": "logs", "SecretsManager": "secretsmanager"}
ACCOUNT = ref("AWS::AccountId")
CALLER = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
BOTH = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:ResourceAccount": ACCOUNT}}
OWN, HERE = "arn:${AWS::Partition}", "${AWS::Region}:${AWS::AccountId}"
ECR, S3 = f"{OWN}:ecr:${{AWS::Region}}", f"{OWN}:s3:::"
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
SECRET_ACTIONS = [
    f"secretsmanager:{name}"
    for name in ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
]
BUCKET_ACTIONS = [
    f"s3:{name}" for name in (
        "AbortMultipartUpload", "DeleteObject", "GetObject", "GetObjectVersion", "GetBucketLocation", "ListBucket",
        "ListMultipartUploadParts", "PutObject",
    )
]  # fmt: skip
OWN_BUCKETS = [
    sub(f"{S3}${{{name}BucketName}}{tail}") for name in ("Dataset", "Artifact") for tail in ("", "/*")
]  # fmt: skip
BARE_REGION = {"Fn::Join": ["", {"Fn::Split": ["-", ref("AWS::Region")]}]}
CLOUDFORMATION = [
    each
    for kind in ("custom-resource-response", "waitcondition")
    for each in (
        sub(f"{S3}cloudformation-{kind}-${{AWS::Region}}/*"),
        {"Fn::Sub": [f"{S3}cloudformation-{kind}-${{Bare}}/*", {"Bare": BARE_REGION}]},
    )
]
# Calls on whatever this account has, or on nothing in particular.
ON_EVERYTHING = {
    **dict.fromkeys(SECRET_ACTIONS, "CloudFormation names most secrets; which one a role may use, the role says."),
    "ecr:GetAuthorizationToken": "It logs in to the registry and names no repository.",
    "secretsmanager:GetRandomPassword": "It makes a password for the rotation; which secret gets it is another call.",
}


def _passes(
    ids: str,
    endpoint: str,
    sid: str,
    actions: Any,
    resources: Any,
    condition: dict[str, Any] | None,
    *,
    on: tuple[EnvironmentName, ...] = EVERYWHERE,
) -> Assertion:
    """The endpoint has this statement. Without a condition: what AWS's own accounts signed an address for."""
    when = {} if condition is None else {"Condition": condition}
    statement = {"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": actions, "Resource": resources, **when}
    chosen = one(f"{endpoint}Endpoint", ENDPOINT)
    return check(ids, "egress", chosen, "PolicyDocument/Statement", contains_statement(statement), on=on)


CONTROLS: tuple[Control, ...] = (
    control(
        "endpoints",
        "Security",
        "S3 is reached without leaving AWS; on hml and prd ECR, CloudWatch Logs and Secrets Manager as well. Through "
        "each endpoint pass the calls that are needed: of this account's roles, to what this account has. EC2.10 and "
        "EC2.57 name the APIs of EC2 and Systems Manager: nothing in the private subnets calls these, so what it does "
        "call has its endpoints instead.",
        check("EC2.10", "egress", one("S3Endpoint", ENDPOINT), "VpcEndpointType", equals("Gateway")),
        check(
            "EC2.10",
            "egress",
            one("S3Endpoint", ENDPOINT),
            "ServiceName",
            equals(sub("com.amazonaws.${AWS::Region}.s3")),
        ),
        check(
            "EC2.10",
            "egress",
            one("S3Endpoint", ENDPOINT),
            "RouteTableIds",
            equals({"Fn::Split": [",", ref("PrivateRouteTableIds")]}),
        ),
        check(
            "EC2.10", "egress", WHOLE, "Stack/Parameters/PrivateRouteTableIds", equals("network.PrivateRouteTableIds")
        ),
        check(
            "EC2.10",
            "network",
            WHOLE,
            "Outputs/PrivateRouteTableIds/Value/Fn::Join/1",
            contains((ref("PrivateARouteTable"), ref("PrivateBRouteTable"))),
        ),
        check(
            "EC2.10",
            "network",
            WHOLE,
            "Outputs/PrivateRouteTableIds/Value/Fn::Join/1",
            contains((ref("PrivateCRouteTable"),)),
            on=PRD,
        ),
        check("EC2.10", "egress", one("S3Endpoint", ENDPOINT), "PolicyDocument/Statement[*]", scoped(())),
        *(
            _passes("EC2.10", "S3", sid, actions, resources, condition)
            for sid, actions, resources, condition in (
                ("AnswerCloudFormation", "s3:PutObject", CLOUDFORMATION, None),
                ("PullImageLayers", "s3:GetObject", [sub(f"{S3}prod-${{AWS::Region}}-starport-layer-bucket/*")], None),
                ("UseOwnBuckets", BUCKET_ACTIONS, OWN_BUCKETS, BOTH),
            )
        ),
        check(
            "EC2.10",
            "egress",
            every(ENDPOINT, but="S3Endpoint"),
            "PolicyDocument/Statement[*]/Condition/StringEquals/aws:PrincipalAccount",
            equals(ACCOUNT),
            on=STRICT,
        ),
        check(
            "EC2.10",
            "egress",
            every(ENDPOINT, but="S3Endpoint"),
            "PolicyDocument/Statement[*]",
            scoped(tuple(ON_EVERYTHING)),
            on=STRICT,
        ),
        check("EC2.10", "egress", every(ENDPOINT), "PolicyDocument/Statement[*]/Action", named_actions()),
        *(
            _passes("EC2.55 EC2.56", name, "LogInToRegistry", "ecr:GetAuthorizationToken", "*", CALLER, on=STRICT)
            for name in ("EcrApi", "EcrDkr")
        ),
        *(
            _passes("EC2.55 EC2.56", name, "Pull", PULL, sub(f"{ECR}:{account}:repository/salaries"), condition, on=on)
            for name in ("EcrApi", "EcrDkr")
            for account, condition, on in (("${AWS::AccountId}", BOTH, HML), ("*", CALLER, PRD))
        ),
        *(
            _passes(
                "EC2.57",
                "Logs",
                "WriteLogs",
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                sub(f"{OWN}:logs:{HERE}:log-group:/opsctl/{env}/salaries/*"),
                BOTH,
                on=on,
            )
            for env, on in (("hml", HML), ("prd", PRD))
        ),
        _passes(
            "EC2.57",
            "SecretsManager",
            "UseOwnSecrets",
            SECRET_ACTIONS,
            sub(f"{OWN}:secretsmanager:{HERE}:secret:*"),
            BOTH,
            on=STRICT,
        ),
        _passes(
            "EC2.57", "SecretsManager", "MakePasswords", "secretsmanager:GetRandomPassword", "*", CALLER, on=STRICT
        ),
        *(
            check(ids, "egress", one(f"{name}Endpoint", ENDPOINT), key, equals(value), on=STRICT)
            for name, ids in (
                ("EcrApi", "EC2.55"),
                ("EcrDkr", "EC2.56"),
                ("Logs", "EC2.57"),
                ("SecretsManager", "EC2.57"),
            )
            for key, value in (
                ("VpcEndpointType", "Interface"),
                ("ServiceName", sub(f"com.amazonaws.${{AWS::Region}}.{INTERFACES[name]}")),
                ("PrivateDnsEnabled", True),
            )
        ),
        *(
            check(
                "EC2.10",
                "egress",
                one(f"{name}Endpoint", ENDPOINT),
                "SubnetIds",
                equals({"Fn::Split": [",", ref("PrivateSubnetIds")]}),
                on=STRICT,
            )
            for name in INTERFACES
        ),
        none("EC2.55 EC2.56 EC2.57", "egress", no(ENDPOINT, name=".*", but="S3Endpoint"), on=DEV),
        dev="S3 (free)",
        prd="all",
    ),
)
