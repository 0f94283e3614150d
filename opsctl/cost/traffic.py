"""How visitors and tasks get in and out: load balancer, addresses, NAT, endpoints, CloudFront, firewall."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from opsctl.cost.billing import HOURS, Billing, Component, exact, shared
from opsctl.cost.scene import Resource

# One LCU is 25 new connections a second, or 1 GB an hour. Every request counts as a connection here.
# https://aws.amazon.com/elasticloadbalancing/pricing/
_CONNECTIONS_OF_AN_LCU = 25
_MILLION = 1_000_000


def load_balancers(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
    """Hours, the capacity that visitors use, what goes out to them, and a public address in each zone."""
    for one in resources:
        yield shared("load balancer", "alb.hour", [one], HOURS)
        if one.properties.get("Scheme", "internet-facing") == "internet-facing":
            yield shared("public addresses", "ipv4.hour", [one], billing.scene.zones * HOURS)
    names = ("lcu",) if billing.usage.lcu is not None else ("requests", "out_gb")
    yield shared("load balancer capacity", "alb.lcu", resources, capacity(billing) * HOURS, *names)
    yield shared("data to visitors", "out.gb", resources, billing.assumed("out_gb"), "out_gb")


def capacity(billing: Billing) -> Decimal:
    """LCUs in use on average: given, or the larger of what connections and data take."""
    if billing.usage.lcu is not None:
        return exact(billing.usage.lcu)
    connections = billing.assumed("requests") * _MILLION / (HOURS * 3600) / _CONNECTIONS_OF_AN_LCU
    return max(connections, billing.assumed("out_gb") / HOURS)


def nat_gateways(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
    """Hours of each, and what passes them all."""
    for one in resources:
        yield shared("NAT gateway", "nat.hour", [one], HOURS)
    yield shared("data through NAT gateways", "nat.gb", resources, billing.assumed("nat_gb"), "nat_gb")


def endpoints(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
    """Interface endpoints, by hour and zone, and what passes them all; gateways to S3 cost nothing."""
    paid = [one for one in resources if one.properties.get("VpcEndpointType") == "Interface"]
    for one in paid:
        subnets = one.properties.get("SubnetIds")
        zones = len(subnets) if isinstance(subnets, list) else billing.scene.zones
        yield shared("interface endpoint", "endpoint.hour", [one], zones * HOURS)
    if paid:
        quantity = billing.assumed("endpoint_gb")
        yield shared("data through endpoints", "endpoint.gb", paid, quantity, "endpoint_gb")


def distributions(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
    """CloudFront, as it is billed for visitors in the region's part of the world."""
    yield shared("CloudFront data", "cloudfront.gb", resources, billing.assumed("site_gb"), "site_gb")
    requests = billing.assumed("site_requests") * _MILLION / 10_000
    yield shared("CloudFront requests", "cloudfront.requests", resources, requests, "site_requests")


def firewalls(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
    """WAF: each list of rules, each rule in it, and every request that it looks at."""
    for one in resources:
        yield shared("firewall", "waf.acl", [one], Decimal(1))
        yield shared("firewall rules", "waf.rule", [one], Decimal(len(one.properties.get("Rules", []))))
        name = "site_requests" if one.properties.get("Scope") == "CLOUDFRONT" else "requests"
        yield shared("firewall requests", "waf.requests", [one], billing.assumed(name), name)
