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
    "Jobs": "migrate and dataset tasks",
    "DbInit": "DbInit function",
    "Rotation": "secret rotation function",
}
_DESCRIPTIONS: dict[GroupName, str] = {
    "LoadBalancer": "Application load balancer",
    "Service": "Service tasks",
    "Jobs": "Migrate and dataset tasks",
    "DbInit": "DbInit function",
    "Rotation": "Secret rotation function",
    "Database": "PostgreSQL database and its replica",
    "Endpoint": "Interface endpoints of AWS services",
}
# Who also fetches raw files from the addresses in salary_sources.json.
_FETCHES: tuple[GroupName, ...] = ("Jobs",)


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
    inside = [Flow("LoadBalancer", "Service", env.ecs.container_port, "Requests and health checks to service tasks")]
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
    _public_rules(stack, groups["LoadBalancer"])
    for flow in flows(stack.env):
        _flow(stack, groups, flow)
    for client, what in DATABASE_CLIENTS.items():
        sources = ", and to dataset sources" if client in _FETCHES else ""
        _to_https(stack, groups[client], f"{what} to AWS APIs and S3{sources}")
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


def _public_rules(stack: StackBuilder, group: Any) -> None:
    """The only ingress from anywhere: 443 with a certificate, and 80, which then only redirects."""
    https = stack.env.serves_https
    what = "HTTP from anywhere, redirected to HTTPS" if https else "HTTP from anywhere"
    http_rule = _from_anywhere("LoadBalancerFromAnywhereHttp", group, 80, what)
    reason = "Port 80 answers with a redirect to HTTPS only." if https else "No certificate yet: HTTP is all there is."
    stack.add(skip(http_rule, "CKV_AWS_260", reason))
    if https:
        stack.add(_from_anywhere("LoadBalancerFromAnywhereHttps", group, 443, "HTTPS from anywhere"))


def _from_anywhere(title: str, group: Any, port: int, what: str) -> Any:
    return ec2.SecurityGroupIngress(
        title,
        GroupId=Ref(group),
        IpProtocol="tcp",
        FromPort=port,
        ToPort=port,
        CidrIp=ANYWHERE,
        Description=what,
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


def _to_https(stack: StackBuilder, group: Any, what: str) -> None:
    """HTTPS out: AWS APIs, S3 through its gateway endpoint (which has no group to name) and dataset sources.

    The addresses behind them change, so the port is what is named; routes decide how far it gets.
    """
    stack.add(
        ec2.SecurityGroupEgress(
            f"{group.title.removesuffix('SecurityGroup')}ToHttpsEgress",
            GroupId=Ref(group),
            IpProtocol="tcp",
            FromPort=443,
            ToPort=443,
            CidrIp=ANYWHERE,
            Description=f"HTTPS of {what}",
        )
    )
