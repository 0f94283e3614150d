"""The VPC: groups and rules, flow logs, the NAT instance, endpoints."""

from __future__ import annotations

from typing import Any

from tests.golden.controls.expectations import absent, equals, never_mentions, one_of, text
from tests.golden.controls.language import (
    ANY_STACK,
    DEV,
    EVERYWHERE,
    PRD,
    STRICT,
    WHOLE,
    Assertion,
    Control,
    EnvironmentName,
    att,
    check,
    control,
    every,
    no,
    none,
    one,
    ref,
    skipped,
    sub,
)
from tests.golden.controls.policies import contains_statement

GROUP = "AWS::EC2::SecurityGroup"
INGRESS, EGRESS = "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"
ANYWHERE = "0.0.0.0/0"
PUBLIC = "LoadBalancerFromAnywhere.*"
NAT = one("NatInstance[0-9a-f]{8}", "AWS::EC2::Instance")
NAT_ROLE = one("NatRole", "AWS::IAM::Role")
# What a session of Session Manager needs, besides the agent's registration.
SESSION = [f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")]
CLIENTS = ("Service", "Jobs", "DbInit", "Rotation")
# Those of the application, and those that use S3.
APPLICATION, S3_CLIENTS = ("Service", "Jobs"), ("Service", "Jobs", "DbInit")
FUNCTIONS = ("DbInit", "Rotation")


def _public_rule(name: str, port: int, on: tuple[EnvironmentName, ...]) -> list[Assertion]:
    chosen = one(f"LoadBalancerFromAnywhere{name}", INGRESS)
    expected = {"FromPort": port, "ToPort": port, "IpProtocol": "tcp", "GroupId": ref("LoadBalancerSecurityGroup")}
    return [check("EC2.18", "network", chosen, key, equals(value), on=on) for key, value in expected.items()]


def _rule_to(client: str, port: int, target: str, on: tuple[EnvironmentName, ...]) -> list[Assertion]:
    """Both ends of one allowed connection."""
    ends = (
        (f"{client}To{target}Egress", EGRESS, client, "DestinationSecurityGroupId", target),
        (f"{client}To{target}Ingress", INGRESS, target, "SourceSecurityGroupId", client),
    )
    return [
        check("own:egress", "network", one(name, kind), key, equals(value), on=on)
        for name, kind, group, side, other in ends
        for key, value in (
            ("GroupId", ref(f"{group}SecurityGroup")),
            (side, ref(f"{other}SecurityGroup")),
            ("FromPort", port),
            ("ToPort", port),
        )
    ]


def _https_out(client: str, name: str, to: tuple[str, Any], on: tuple[EnvironmentName, ...]) -> list[Assertion]:
    """HTTPS to addresses, not to a group."""
    chosen = one(f"{client}To{name}Egress", EGRESS)
    expected = (("GroupId", ref(f"{client}SecurityGroup")), ("FromPort", 443), ("ToPort", 443), to)
    return [check("own:egress", "network", chosen, key, equals(value), on=on) for key, value in expected]


def _groups_given(
    stack: str, name: str, path: str, groups: list[dict[str, str]], *, on: tuple[EnvironmentName, ...] = EVERYWHERE
) -> Assertion:
    return check("EC2.2 CIS-5.5", stack, one(name), path, equals(groups), on=on)


CONTROLS: tuple[Control, ...] = (
    control(
        "default-group",
        "Security",
        "Everything with a network interface names its security groups; nothing uses the VPC's default group.",
        _groups_given("front", "LoadBalancer", "SecurityGroups", [ref("LoadBalancerSecurityGroupId")]),
        _groups_given(
            "app", "Service", "NetworkConfiguration/AwsvpcConfiguration/SecurityGroups", [ref("ServiceSecurityGroupId")]
        ),
        _groups_given(
            "app",
            "DatasetSchedule",
            "Target/EcsParameters/NetworkConfiguration/AwsvpcConfiguration/SecurityGroups",
            [ref("JobsSecurityGroupId")],
        ),
        _groups_given("functions", "DbInitFunction", "VpcConfig/SecurityGroupIds", [ref("DbInitSecurityGroupId")]),
        _groups_given("data", "Database", "VPCSecurityGroups", [ref("DatabaseSecurityGroupId")]),
        _groups_given("upkeep", "Replica", "VPCSecurityGroups", [ref("DatabaseSecurityGroupId")], on=PRD),
        check(
            "EC2.2",
            "upkeep",
            one("MasterSecretRotation"),
            "HostedRotationLambda/VpcSecurityGroupIds",
            equals(ref("RotationSecurityGroupId")),
        ),
        *(
            _groups_given("egress", f"{name}Endpoint", "SecurityGroupIds", [ref("EndpointSecurityGroupId")], on=STRICT)
            for name in ("EcrApi", "EcrDkr", "Logs", "SecretsManager")
        ),
        check("EC2.2", "egress", NAT, "NetworkInterfaces[*]/GroupSet", equals([ref("NatSecurityGroup")]), on=DEV),
        *(
            check("EC2.2", stack, WHOLE, "/", never_mentions("DefaultSecurityGroup"), on=EVERYWHERE)
            for stack in ("network", "egress", "data", "functions", "front", "upkeep", "jobs", "app")
        ),
        dev="on",
        prd="on",
    ),
    control(
        "flow-logs",
        "Operations",
        "Flow logs of all traffic of the VPC.",
        *(
            check("EC2.6 CIS-3.7", "egress", one("FlowLog", "AWS::EC2::FlowLog"), key, equals(value), on=STRICT)
            for key, value in (
                ("ResourceId", ref("VpcId")),
                ("ResourceType", "VPC"),
                ("TrafficType", "ALL"),
                ("LogGroupName", ref("FlowLogGroupName")),
                ("DeliverLogsPermissionArn", att("FlowLogRole.Arn")),
            )
        ),
        none("EC2.6 CIS-3.7", "egress", no("AWS::EC2::FlowLog"), on=DEV),
        dev="off: billed by volume",
        prd="on",
    ),
    control(
        "no-public-addresses",
        "Security",
        "No subnet hands out public addresses by itself.",
        check("EC2.15", "network", every("AWS::EC2::Subnet"), "MapPublicIpOnLaunch", equals(False)),
        dev="on",
        prd="on",
    ),
    control(
        "rules",
        "Security",
        "Only the load balancer takes connections from anywhere, on 80 and 443. Every rule says what it is for. Each "
        "group sends only what a rule names: to the database, to the endpoints, to S3, and, of the application, to the "
        "ports of `security.egress`. Where there are no interface endpoints, HTTPS is the way to AWS's services.",
        check(
            "EC2.19 CKV_AWS_24 CKV_AWS_25 CIS-5.3",
            ANY_STACK,
            every(INGRESS, but=f"{PUBLIC}|NatFromVpcIngress"),
            "CidrIp",
            absent(),
        ),
        check("EC2.19 CIS-5.4", ANY_STACK, every(INGRESS), "CidrIpv6", absent()),
        check("EC2.19 CIS-5.3", ANY_STACK, every(INGRESS), "SourcePrefixListId", absent()),
        _public_rule("Http", 80, EVERYWHERE),
        _public_rule("Https", 443, STRICT),
        none("EC2.18", "network", no(INGRESS, name=PUBLIC, but="LoadBalancerFromAnywhereHttp"), on=DEV),
        none("EC2.18", "network", no(INGRESS, name=PUBLIC, but="LoadBalancerFromAnywhereHttps?"), on=STRICT),
        check("EC2.13", ANY_STACK, every(GROUP), "SecurityGroupIngress", absent()),
        check("CKV_AWS_23", ANY_STACK, every(GROUP), "GroupDescription", text()),
        *(check("CKV_AWS_23", ANY_STACK, every(kind), "Description", text()) for kind in (INGRESS, EGRESS)),
        *(check("EC2.13", ANY_STACK, every(kind), "IpProtocol", equals("tcp")) for kind in (INGRESS, EGRESS)),
        check(
            "own:egress CIS-5.3",
            ANY_STACK,
            every(GROUP),
            "SecurityGroupEgress",
            equals([{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32", "Description": "In place of allow-all"}]),
        ),
        check("own:egress", ANY_STACK, every(EGRESS, but=".*ToHttpsEgress"), "CidrIp", absent()),
        check("own:egress", ANY_STACK, every(EGRESS), "CidrIpv6", absent()),
        *(
            check("own:egress", ANY_STACK, every(EGRESS, name=".*ToHttpsEgress"), port, equals(443))
            for port in ("FromPort", "ToPort")
        ),
        check("own:egress", ANY_STACK, every(EGRESS, but=".*ToS3Egress"), "DestinationPrefixListId", absent()),
        *(_https_out(client, "Https", ("CidrIp", ANYWHERE), DEV) for client in CLIENTS),
        *(_https_out(client, "Https", ("CidrIp", ANYWHERE), STRICT) for client in APPLICATION),
        *(
            _https_out(client, "S3", ("DestinationPrefixListId", ref("S3PrefixListId")), STRICT)
            for client in S3_CLIENTS
        ),
        *(none("own:egress", "network", no(EGRESS, name=f"{client}ToHttpsEgress"), on=STRICT) for client in FUNCTIONS),
        check(
            "own:egress",
            "network",
            WHOLE,
            "Stack/Parameters/S3PrefixListId",
            equals("context.s3_prefix_list_id"),
            on=STRICT,
        ),
        *(_rule_to(client, 5433, "Database", EVERYWHERE) for client in CLIENTS),
        *(_rule_to(client, 443, "Endpoint", STRICT) for client in CLIENTS),
        _rule_to("LoadBalancer", 8000, "Service", EVERYWHERE),
        dev="on",
        prd="on",
    ),
    control(
        "nat-instance",
        "Security",
        "The NAT instance takes connections from the VPC only, has the second version of the metadata service, an "
        "encrypted disk and no key. Its role holds sessions and reads nothing. Its public address and forwarding are "
        "what it is for.",
        check(
            "EC2.8 EC2.170 CKV_AWS_79 CIS-5.7", "egress", NAT, "MetadataOptions/HttpTokens", equals("required"), on=DEV
        ),
        check("EC2.8", "egress", NAT, "MetadataOptions/HttpPutResponseHopLimit", equals(1), on=DEV),
        check("EC2.8", "egress", NAT, "BlockDeviceMappings[*]/Ebs/Encrypted", equals(True), on=DEV),
        check("EC2.8", "egress", NAT, "KeyName", absent(), on=DEV),
        check("EC2.8", "egress", one("NatFromVpcIngress", INGRESS), "CidrIp", equals("10.20.0.0/16"), on=DEV),
        check("EC2.8", "egress", one("NatFromVpcIngress", INGRESS), "FromPort", equals(443), on=DEV),
        check("EC2.8", "egress", one("NatFromVpcIngress", INGRESS), "ToPort", equals(443), on=DEV),
        none("EC2.8", "egress", no(INGRESS, name="Nat.*", but="NatFromVpcIngress"), on=DEV),
        check("EC2.180", "egress", NAT, "SourceDestCheck", equals(False), on=DEV),
        check("CKV_AWS_88", "egress", NAT, "NetworkInterfaces[*]/AssociatePublicIpAddress", equals(True), on=DEV),
        skipped("CKV_AWS_88", "egress", NAT),
        *(
            check(
                "EC2.8",
                "egress",
                NAT_ROLE,
                "Policies/0/PolicyDocument/Statement",
                contains_statement({"Effect": "Allow", "Action": actions, "Resource": where}),
                on=DEV,
            )
            for actions, where in (
                (
                    "ssm:UpdateInstanceInformation",
                    sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*"),
                ),
                (SESSION, "*"),
            )
        ),
        check(
            "EC2.8",
            "egress",
            NAT_ROLE,
            "Policies[*]/PolicyDocument/Statement[*]/Action",
            one_of(("ssm:UpdateInstanceInformation", SESSION)),
            on=DEV,
        ),
        none("EC2.8 EC2.180 CIS-5.7 CKV_AWS_79 CKV_AWS_88", ANY_STACK, no("AWS::EC2::Instance"), on=STRICT),
        none("EC2.170", ANY_STACK, no("AWS::EC2::LaunchTemplate")),
        dev="on; public address (skip) and forwarding as it must be",
        prd="not used: managed gateways",
    ),
)
