"""Every security group and every rule between them, in one place.

Rules are resources of their own: two groups may then refer to each other, and a change of one rule replaces no group.
Descriptions of groups never change with settings: GroupDescription is create-only. [Schema] Nor has any group a name,
since a fixed name makes its replacement fail. [Schema]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from troposphere import Ref, ec2

from opsctl.config.models import Environment
from opsctl.stacks.parts.base import StackBuilder, skip
from opsctl.stacks.parts.subnets import name_tag

GroupName = Literal["LoadBalancer", "Service", "Jobs", "DbInit", "Rotation", "Database", "Endpoint"]
ANYWHERE = "0.0.0.0/0"
# Who opens connections to the database, and as what.
DATABASE_CLIENTS: dict[GroupName, str] = {
    "Service": "service tasks",
    "Jobs": "one-off tasks and workers",
    "DbInit": "DbInit function",
    "Rotation": "secret rotation function",
}
_DESCRIPTIONS: dict[GroupName, str] = {
    "LoadBalancer": "Application load balancer",
    "Service": "Service tasks",
    "Jobs": "One-off tasks and workers",
    "DbInit": "DbInit function",
    "Rotation": "Secret rotation function",
    "Database": "PostgreSQL database and its replica",
    "Endpoint": "Interface endpoints of AWS services",
}
# Who runs the application's code, and so opens what connections it likes, as far as `security.egress` says.
_APPLICATION: tuple[GroupName, ...] = ("Service", "Jobs")
# Who uses S3: tasks for image layers and the application's buckets, the function to answer CloudFormation.
_S3_CLIENTS: tuple[GroupName, ...] = (*_APPLICATION, "DbInit")


@dataclass(frozen=True, slots=True)
class Flow:
    """Connections from one group to another: an egress rule here and an ingress rule there."""

    source: GroupName
    target: GroupName
    port: int
    what: str

    @property
    def title(self) -> str:
        """Middle part of both rules' logical ids."""
        return f"{self.source}To{self.target}"


def flows(env: Environment) -> tuple[Flow, ...]:
    """All connections inside the VPC that are allowed; there are no others."""
    inside = [Flow("LoadBalancer", "Service", env.application.web.port, "Requests and health checks to service tasks")]
    inside += [
        Flow(client, "Database", env.rds.port, f"PostgreSQL from {what}") for client, what in DATABASE_CLIENTS.items()
    ]
    if env.vpc.interface_endpoints:
        inside += [Flow(client, "Endpoint", 443, f"AWS APIs for {what}") for client, what in DATABASE_CLIENTS.items()]
    return tuple(inside)


def add_security_groups(stack: StackBuilder, vpc: Any) -> dict[GroupName, Any]:
    """Add all groups and rules. The VPC's default group is used by nothing."""
    names = [name for name in _DESCRIPTIONS if name != "Endpoint" or stack.env.vpc.interface_endpoints]
    groups = {name: _group(stack, vpc, name) for name in names}
    _visitors(stack, groups["LoadBalancer"])
    for flow in flows(stack.env):
        _flow(stack, groups, flow)
    for client, what in DATABASE_CLIENTS.items():
        _ways_out(stack, groups[client], client, what)
    return groups


def _group(stack: StackBuilder, vpc: Any, name: GroupName) -> Any:
    group = ec2.SecurityGroup(
        f"{name}SecurityGroup",
        GroupDescription=_DESCRIPTIONS[name],
        VpcId=Ref(vpc),
        SecurityGroupEgress=no_default_egress(),
        Tags=name_tag(stack.env, f"{name}-sg".lower()),
    )
    return stack.add(group)


def no_default_egress() -> list[Any]:
    """A group without an egress rule of its own may send anything anywhere. This one allows nothing, as no packet
    leaves a host for that address; it takes the default rule away for good. [UG CFN SecurityGroup, default rule]
    """
    return [ec2.SecurityGroupRule(IpProtocol="-1", CidrIp="127.0.0.1/32", Description="In place of allow-all")]


def _visitors(stack: StackBuilder, group: Any) -> None:
    """The only ingress from outside: 443 with a certificate, and 80, which then only redirects."""
    https = stack.env.serves_https
    allowed = stack.env.application.web.allow
    who = [("Anywhere", ANYWHERE, "anywhere")] if not allowed else [
        (f"Range{index}", each, each) for index, each in enumerate(allowed, start=1)
    ]  # fmt: skip
    reason = "Port 80 answers with a redirect to HTTPS only." if https else "No certificate yet: HTTP is all there is."
    if https:  # port 80 only redirects: one rule for it, as a group has room for sixty
        redirected = _from(
            "LoadBalancerFromAnywhereHttp", group, 80, ANYWHERE, "HTTP from anywhere, redirected to HTTPS"
        )
        stack.add(skip(redirected, "CKV_AWS_260", reason))
    for title, cidr, name in who:
        if https:
            stack.add(_from(f"LoadBalancerFrom{title}Https", group, 443, cidr, f"HTTPS from {name}"))
            continue
        http_rule = _from(f"LoadBalancerFrom{title}Http", group, 80, cidr, f"HTTP from {name}")
        stack.add(http_rule if allowed else skip(http_rule, "CKV_AWS_260", reason))


def _from(title: str, group: Any, port: int, cidr: str, what: str) -> Any:
    family = {"CidrIpv6": cidr} if ":" in cidr else {"CidrIp": cidr}
    return ec2.SecurityGroupIngress(
        title, GroupId=Ref(group), IpProtocol="tcp", FromPort=port, ToPort=port, Description=what, **family
    )


def _flow(stack: StackBuilder, groups: dict[GroupName, Any], flow: Flow) -> None:
    source, target = groups[flow.source], groups[flow.target]
    common = {"IpProtocol": "tcp", "FromPort": flow.port, "ToPort": flow.port, "Description": flow.what}
    stack.add(
        ec2.SecurityGroupEgress(
            f"{flow.title}Egress", GroupId=Ref(source), DestinationSecurityGroupId=Ref(target), **common
        )
    )
    stack.add(
        ec2.SecurityGroupIngress(
            f"{flow.title}Ingress", GroupId=Ref(target), SourceSecurityGroupId=Ref(source), **common
        )
    )


def forwarded_ports(env: Environment) -> tuple[int, ...] | None:
    """What private subnets send to anywhere; None for everything. HTTPS always, unless AWS's services have endpoints
    in the VPC: their addresses change, so that the port is all that a rule could name.
    """
    ports = env.security.egress
    always = () if env.vpc.interface_endpoints else (443,)
    return None if ports is None else tuple(sorted({*always, *ports}))


def _ways_out(stack: StackBuilder, group: Any, client: GroupName, what: str) -> None:
    """Of the application: what `security.egress` says. Of everybody: AWS's services, by HTTPS to anywhere or, where
    these have endpoints, to S3 by its list of addresses, since a gateway endpoint has no group to name.
    """
    endpoints = stack.env.vpc.interface_endpoints
    ports = forwarded_ports(stack.env) if client in _APPLICATION else () if endpoints else (443,)
    if ports is None:
        stack.add(way_out(f"{client}ToAnywhereEgress", group, None, f"Whatever {what} connect to"))
        return
    if endpoints and client in _S3_CLIENTS:
        stack.add(_to_s3(stack, group, client, what))
    for port in ports:
        name = "Https" if port == 443 else f"Port{port}"
        aws = "" if endpoints or port != 443 else ", AWS APIs and S3 among it"
        stack.add(way_out(f"{client}To{name}Egress", group, port, f"Port {port} of {what}{aws}"))


def _to_s3(stack: StackBuilder, group: Any, client: GroupName, what: str) -> Any:
    addresses = stack.context("S3PrefixListId", "s3_prefix_list_id", "AWS's list of the addresses of S3 in this region")
    return ec2.SecurityGroupEgress(
        f"{client}ToS3Egress",
        GroupId=Ref(group),
        IpProtocol="tcp",
        FromPort=443,
        ToPort=443,
        DestinationPrefixListId=addresses,
        Description=f"S3 through its gateway endpoint for {what}",
    )


def way_out(title: str, group: Any, port: int | None, what: str) -> Any:
    """Connections to anywhere: one port, or all."""
    span = {"IpProtocol": "-1"} if port is None else {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    return ec2.SecurityGroupEgress(title, GroupId=Ref(group), CidrIp=ANYWHERE, Description=what, **span)
