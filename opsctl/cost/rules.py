"""Every resource type that is billed, with its rule. With `WITHOUT_CHARGE` that has to be all types of our stacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from opsctl.cost import keeping, machines, traffic
from opsctl.cost.billing import HOURS, Billing, Component, Rule, each, together
from opsctl.cost.free import WITHOUT_CHARGE
from opsctl.cost.scene import Resource

RULES: Mapping[str, Rule] = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": keeping.scaling,
    "AWS::CloudFront::Distribution": traffic.distributions,
    "AWS::CloudWatch::Alarm": keeping.alarms,
    "AWS::EC2::EIP": each("public addresses", "ipv4.hour", HOURS),
    "AWS::EC2::FlowLog": keeping.flow_logs,
    "AWS::EC2::Instance": machines.instances,
    "AWS::EC2::NatGateway": traffic.nat_gateways,
    "AWS::EC2::VPCEndpoint": traffic.endpoints,
    "AWS::ECR::Repository": together("images", "ecr.gb", "image_gb"),
    "AWS::ECS::Cluster": keeping.clusters,
    "AWS::ECS::Service": machines.services,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": traffic.load_balancers,
    "AWS::GuardDuty::Detector": keeping.detectors,
    "AWS::KMS::Key": each("customer key", "kms.key"),
    "AWS::Logs::LogGroup": keeping.log_groups,
    "AWS::RDS::DBInstance": machines.databases,
    "AWS::S3::Bucket": together("files in buckets", "s3.gb", "bucket_gb"),
    "AWS::Scheduler::Schedule": machines.schedules,
    "AWS::SecretsManager::Secret": each("secret", "secret"),
    "AWS::WAFv2::WebACL": traffic.firewalls,
}


def components(billing: Billing) -> Iterator[Component]:
    """What of the scene is billed. What no rule is for, and what a rule can't read, has no price in any table, so it
    is counted as unknown: a plan must not end with a template that somebody else wrote.
    """
    for kind, resources in billing.scene.by_type.items():
        rule = RULES.get(kind)
        if rule is None and kind in WITHOUT_CHARGE:
            continue
        try:
            yield from tuple(rule(resources, billing)) if rule is not None else (_unknown(kind, resources),)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            yield _unknown(kind, resources)


def _unknown(kind: str, resources: Sequence[Resource]) -> Component:
    names = tuple(one.name for one in resources)
    return Component(kind, kind, resources[0].region, Decimal(len(resources)), names)
