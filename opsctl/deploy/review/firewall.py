"""Rules of security groups by what they let pass, wherever in a template they are written.

A group without SecurityGroupEgress, or with an empty one, lets everything out: only a rule of its own takes the rule of
EC2 away. What nobody knows before it is deployed (a rule, a port) is the same as itself alone.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opsctl.deploy.review.conditions import holds_network
from opsctl.deploy.review.values import is_intrinsic, render

_GROUP = "AWS::EC2::SecurityGroup"
_ALONE: dict[str, Literal["ingress", "egress"]] = {
    "AWS::EC2::SecurityGroupIngress": "ingress",
    "AWS::EC2::SecurityGroupEgress": "egress",
}
_PEERS = (
    "CidrIp", "CidrIpv6", "SourceSecurityGroupId", "SourceSecurityGroupName", "SourcePrefixListId",
    "DestinationSecurityGroupId", "DestinationPrefixListId",
)  # fmt: skip
_NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What passes between a group and `peer` (addresses, a group or a prefix list). None: every port; a text: a port
    that is not known yet. Of ICMP `first` is the type and `last` the code, None or -1: every one.
    """

    group: str
    direction: Literal["ingress", "egress"]
    protocol: str
    first: int | str | None
    last: int | str | None
    peer: str

    @property
    def ports(self) -> str:
        """Protocol and ports in words."""
        if self.protocol == "-1":
            return "everything"
        if self.first is None:
            return f"{self.protocol} every port"
        if self.protocol.startswith("icmp"):
            return f"{self.protocol} type {self.first}"
        return f"{self.protocol} {self.first}" + (f"-{self.last}" if self.last != self.first else "")

    def covers(self, other: Rule) -> bool:
        """Whether all that the other lets pass, this one does."""
        if (self.group, self.direction) != (other.group, other.direction):
            return False
        if self.protocol not in {"-1", other.protocol} or not _holds(self.peer, other.peer):
            return False
        if self.protocol == "-1" or self.first is None:
            return True
        if self.protocol.startswith("icmp"):
            return self.first == other.first and self.last in {-1, None, other.last}
        if (self.first, self.last) == (other.first, other.last):
            return True
        ports = [each for each in (self.first, other.first, other.last, self.last) if isinstance(each, int)]
        return len(ports) == 4 and ports[0] <= ports[1] and ports[2] <= ports[3]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that no other covers any more, or did before. `logical_id` is the resource in which it is written."""

    logical_id: str
    type: str
    direction: Literal["wider", "narrower"]
    rule: Rule


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[RuleChange]:
    """What passes only after the change, then what passed only before. Both are resources by logical id."""
    old, new = [*_rules(before)], [*_rules(after)]
    for name, kind, rule in new:
        if not any(other.covers(rule) for _, _, other in old):
            yield RuleChange(name, kind, "wider", rule)
    for name, kind, rule in old:
        if not any(other.covers(rule) for _, _, other in new):
            yield RuleChange(name, kind, "narrower", rule)


def _rules(resources: Mapping[str, Any]) -> Iterator[tuple[str, str, Rule]]:
    for name, resource in resources.items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind in _ALONE:
            yield (
                name,
                kind,
                _rule(_ref(properties.get("GroupId") or properties.get("GroupName")), _ALONE[kind], properties),
            )
        elif kind == _GROUP:
            for key, direction in (("SecurityGroupIngress", "ingress"), ("SecurityGroupEgress", "egress")):
                found = properties.get(key)
                if not found and direction == "egress":
                    found = [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]
                for item in found if isinstance(found, list) else [found] if found else []:
                    yield name, kind, _rule(name, direction, item)  # type: ignore[arg-type]


def _ref(group: Any) -> str:
    """A group's logical id, where the template has it."""
    return render(group).removeprefix("${").removesuffix("}").removesuffix(".GroupId")


def _rule(group: str, direction: Literal["ingress", "egress"], item: Mapping[str, Any]) -> Rule:
    if is_intrinsic(item):
        return Rule(group, direction, "-1", None, None, f"what {render(item)} says")
    protocol = render(item.get("IpProtocol", "-1")).lower()
    protocol = _NUMBERS.get(protocol, protocol)
    first, last = (_port(item.get(key)) for key in ("FromPort", "ToPort"))
    if protocol == "-1" or first in {None, -1} or (last is None and not protocol.startswith("icmp")):
        first = last = None
    peer = next((render(item[key]) for key in _PEERS if key in item), "")
    return Rule(group, direction, protocol, first, last, peer)


def _port(value: Any) -> int | str | None:
    text = render(value)
    return int(text) if text.lstrip("-").isdigit() else text or None


def _holds(outer: str, inner: str) -> bool:
    """Whether the addresses, or the group, of the one are those of the other or more."""
    return outer == inner or holds_network(outer, inner)
