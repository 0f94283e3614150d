"""Rules of `vpc` and `nat`: addresses that a VPC can have, zones, one way out. Each returns problems; none raises."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from opsctl.config.models import Environment
from opsctl.config.problem import Problem

# What a VPC is meant to have: private addresses, and the shared ones of carriers.
# [UG VPC vpc-cidr-blocks; RFC 1918, 6598]
PRIVATE = tuple(
    ipaddress.IPv4Network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
# What no machine can have as its own, by why. [RFC 6890]
SPECIAL = {
    ipaddress.IPv4Network("0.0.0.0/8"): "means this network",
    ipaddress.IPv4Network("127.0.0.0/8"): "is loopback: every machine's own",
    ipaddress.IPv4Network("169.254.0.0/16"): "is link-local, where AWS has its metadata, DNS and credentials",
    ipaddress.IPv4Network("192.0.2.0/24"): "is for documentation",
    ipaddress.IPv4Network("198.18.0.0/15"): "is for benchmarks",
    ipaddress.IPv4Network("198.51.100.0/24"): "is for documentation",
    ipaddress.IPv4Network("203.0.113.0/24"): "is for documentation",
    ipaddress.IPv4Network("224.0.0.0/4"): "is multicast",
    ipaddress.IPv4Network("240.0.0.0/4"): "is reserved",
}
BENCHMARKS = ipaddress.IPv4Network("198.18.0.0/15")
"""The internet does not route it, so people have made networks of it, and AWS takes them: noted, not refused."""
LARGEST = 16
"""Prefix length of the largest VPC. [API CreateVpc]"""


def subnets_fit(env: Environment) -> Iterator[Problem]:
    """One /22 per zone for private subnets, and one more that holds the /26 public ones."""
    path = ("vpc", "cidr")
    try:
        network = ipaddress.IPv4Network(env.vpc.cidr)
    except ValueError as error:
        yield Problem(path, f"{env.vpc.cidr!r} is not an IPv4 range", _range_hint(env.vpc.cidr, error))
        return
    if "/" not in env.vpc.cidr:
        fix = f"Write {ipaddress.IPv4Network(f'{env.vpc.cidr}/16', strict=False)}."
        yield Problem(path, f"{env.vpc.cidr} is one address, not a range", fix)
        return
    private = any(network.subnet_of(each) for each in PRIVATE)
    if not private:
        yield Problem(
            path,
            f"{network} {_kind(network)}",
            f"Write a range inside 10.0.0.0/8, such as {_moved(network)}.",
            certain=not network.subnet_of(BENCHMARKS),
        )
    if network.prefixlen < LARGEST:
        fix = f"Write {network.network_address}/{LARGEST}, or a smaller one."
        yield Problem(path, f"{network} is larger than a VPC may be", fix)
        return
    zones = len(env.vpc.availability_zones)
    room = 2 ** max(0, 22 - network.prefixlen) if network.prefixlen <= 22 else 0
    if room < zones + 1:
        need = next(prefix for prefix in range(22, 15, -1) if 2 ** (22 - prefix) >= zones + 1)
        near = network if private else _moved(network)
        enough = ipaddress.IPv4Network((near.network_address, need), strict=False)
        yield Problem(
            path,
            f"{network} has no room for the subnets of {zones} zones (a /22 private subnet each, and the public ones)",
            f"Write a /{need} or larger, such as {enough}.",
            (("vpc", "availability_zones"),),
        )


def _range_hint(given: str, error: ValueError) -> str:
    if "host bits" in str(error):
        return f"Write {ipaddress.IPv4Network(given, strict=False)}."
    return "Write a range such as 10.20.0.0/16."


def _kind(network: ipaddress.IPv4Network) -> str:
    found = (why for special, why in SPECIAL.items() if network.overlaps(special))
    return next(found, "is public address space")


def _moved(network: ipaddress.IPv4Network) -> ipaddress.IPv4Network:
    """A range of the same size that is private."""
    second = network.network_address.packed[1]
    return ipaddress.IPv4Network((f"10.{second}.0.0", max(LARGEST, min(20, network.prefixlen))))


def zones_are_distinct(env: Environment) -> Iterator[Problem]:
    """A zone listed twice would put two subnets into one zone."""
    zones = env.vpc.availability_zones
    if len(set(zones)) != len(zones):
        once = ", ".join(dict.fromkeys(zones))
        yield Problem(
            ("vpc", "availability_zones"), "a zone is listed twice", f"List each letter once: [{once}], and another."
        )


def egress(env: Environment) -> Iterator[Problem]:
    """Tasks in private subnets need exactly one way out."""
    gateways, instance = env.vpc.nat_gateways, env.nat.use_nat_instance
    also = (("nat", "use_nat_instance"), ("target",))
    path = ("vpc", "nat_gateways")
    if gateways and instance:
        yield Problem(
            path,
            "NAT gateways and the NAT instance exclude each other",
            "Set it to 0, or nat.use_nat_instance to false.",
            also,
        )
    elif not gateways and not instance and not env.vpc.interface_endpoints and env.target == "aws":
        yield Problem(
            path,
            "private subnets have no way to ECR, CloudWatch Logs and Secrets Manager",
            "Set nat_gateways to 1 or more, nat.use_nat_instance to true, or interface_endpoints to true.",
            also,
        )
    if gateways > len(env.vpc.availability_zones):
        zones = len(env.vpc.availability_zones)
        yield Problem(
            path,
            f"{gateways} NAT gateways for {zones} zones",
            f"Write at most {zones}, one per zone.",
            (("vpc", "availability_zones"),),
        )
