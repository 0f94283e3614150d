"""Where visitors arrive: load balancer, certificate, domain, WAF, access logs. It outlives the service behind it.

A stack of its own, since a load balancer takes minutes: it is made beside the database, and a service that is removed
and made again keeps its address.
"""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Join, Ref

from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.dns import alias_records
from opsctl.stacks.parts.load_balancer import load_balancer
from opsctl.stacks.parts.waf import protect, web_acl


def build(env: Environment) -> StackTemplate:
    """The front stack. Outputs: LoadBalancerDnsName, ServiceUrl, TargetGroupArn, and the full names of both."""
    stack = StackBuilder(env, "front")
    balancer, targets = load_balancer(stack)
    dns_name = GetAtt(balancer, "DNSName")
    web = env.application.web
    if web.hosted_zone_id is not None:
        for index, domain in enumerate(web.domains):
            alias_records(
                stack,
                domain=domain,
                zone_id=web.hosted_zone_id,
                target=dns_name,
                target_zone=GetAtt(balancer, "CanonicalHostedZoneID"),
                evaluate_health=True,
                name=f"Alias{index + 1}" if index else "Alias",
            )
    if env.security.waf:
        protect(stack, web_acl(stack, "REGIONAL"), Ref(balancer))
    host: Any = web.domains[0] if web.domains else dns_name
    stack.output("LoadBalancerDnsName", dns_name, "Name of the load balancer")
    stack.output(
        "ServiceUrl", Join("", ["https://" if env.serves_https else "http://", host]), "Where the service answers"
    )
    stack.output("TargetGroupArn", Ref(targets), "Where the service's tasks register")
    # What metrics and scaling call them. [UG ALB CloudWatch metrics; API PredefinedMetricSpecification]
    stack.output("LoadBalancerFullName", GetAtt(balancer, "LoadBalancerFullName"), "The load balancer in metrics")
    stack.output("TargetGroupFullName", GetAtt(targets, "TargetGroupFullName"), "The target group in metrics")
    return stack.finish()
