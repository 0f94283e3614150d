"""The running service: load balancer, domain, WAF, ECS service, scaling, alarms; and the dataset refresh."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Join, Ref

from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.dns import alias_records
from opsctl.stacks.parts.load_balancer import Balancer, balancer
from opsctl.stacks.parts.refresh import dataset_task, schedule
from opsctl.stacks.parts.scaling import autoscaling
from opsctl.stacks.parts.service_alarms import service_alarms
from opsctl.stacks.parts.waf import protect, web_acl
from opsctl.stacks.parts.web_service import web_service


def build(env: Environment) -> StackTemplate:
    """The app stack. Outputs: LoadBalancerDnsName, ServiceUrl, ServiceName, DatasetTaskDefinitionArn.

    After jobs: the database has its roles, and the release's migrations ran.
    """
    stack = StackBuilder(env, "app")
    front = balancer(stack)
    _addresses(stack, front)
    if env.security.waf:
        protect(stack, web_acl(stack, "REGIONAL"), Ref(front.load_balancer))
    service = web_service(stack, front)
    autoscaling(stack, service, front)
    service_alarms(stack, service, front)
    refresh = dataset_task(stack)
    if env.ecs.dataset_schedule is not None:
        schedule(stack, refresh, env.ecs.dataset_schedule)
    return stack.finish(after=("jobs",))


def _addresses(stack: StackBuilder, front: Balancer) -> None:
    ecs = stack.env.ecs
    if ecs.domain_name is not None and ecs.hosted_zone_id is not None:
        alias_records(
            stack,
            domain=ecs.domain_name,
            zone_id=ecs.hosted_zone_id,
            target=front.dns_name,
            target_zone=GetAtt(front.load_balancer, "CanonicalHostedZoneID"),
            evaluate_health=True,
        )
    scheme = "https" if stack.env.serves_https else "http"
    host: Any = ecs.domain_name or front.dns_name
    stack.output("LoadBalancerDnsName", front.dns_name, "Name of the load balancer")
    stack.output("ServiceUrl", Join("", [f"{scheme}://", host]), "Where the service answers")
