"""An environment on AWS for the doctor: everything that it asks, answered from memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from opsctl.aws.account import LambdaConcurrency
from opsctl.aws.certificates import Certificate
from opsctl.aws.cloudformation import Stack
from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.session import Identity
from opsctl.aws.topics import Subscription
from opsctl.operate.doctor.readiness import SERVICE_ROLES
from opsctl.operate.target import Target, Workspace

ENVIRONMENTS = """
default_environment: dev
defaults:
  service: shop
  client: acme
  application: {path: ., settings: shop.settings}
environments:
  dev:
    region: us-east-1
    ecs: {manage_repository: true, build_on_deploy: true}
    observability: {alert_email: ops@example.com}
    vpc: {nat_gateways: 1}
    application:
      web:
        domains: [shop.example.com]
        certificate_arn: arn:aws:acm:us-east-1:123456789012:certificate/1
        hosted_zone_id: Z0123456789
        hosted_zone_name: example.com
  here: {target: local, ecs: {manage_repository: true, repository_name: here}, application: {web: {command: [serve]}}}
"""
OUTPUTS: Mapping[str, Mapping[str, str]] = {
    "platform": {"AlarmTopicArn": "arn:topic", "ClusterName": "dev-shop-acme"},
    "front": {"ServiceUrl": "https://shop.example.com", "LoadBalancerDnsName": "lb.example.com"},
}
SERVERS = frozenset({"ns-1.awsdns-01.org", "ns-2.awsdns-02.com"})


@dataclass
class Clinic:
    """What AWS would say of `dev`; `refused` names questions that it does not answer, `asked` those it got."""

    folder: Path
    statuses: dict[str, str] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    zones: tuple[str, ...] = ("us-east-1a", "us-east-1b")
    vcpus: float = 100.0
    zone: str | None = "example.com"
    roles: frozenset[str] = frozenset(SERVICE_ROLES)
    subscriptions: tuple[Subscription, ...] = (Subscription("email", "ops@example.com", True),)
    certificate: Certificate = field(default_factory=lambda: Certificate("arn", "shop.example.com", "ISSUED"))
    answered: float | None = None
    ends: float | None = None
    refused: frozenset[str] = frozenset()
    nobody: bool = False
    asked: list[str] = field(default_factory=list)

    def target(self, name: str = "dev") -> Target:
        (self.folder / "environments.yaml").write_text(ENVIRONMENTS)
        made = Workspace.open(self.folder / "environments.yaml").target(name)
        made.__dict__["aws"] = self._aws(made)
        return made

    def _answer(self, question: str, value: Any) -> Any:
        self.asked.append(question)
        if question in self.refused:
            raise AwsRefusedError(f"AWS denied {question}.", aws_code="AccessDenied", hint="Ask for the right.")
        return value

    def _aws(self, target: Target) -> Any:
        answer = self._answer

        def identity() -> Identity:
            if self.nobody:
                raise AwsRefusedError("There are no usable AWS credentials.", hint="Set AWS_PROFILE.")
            return Identity("123456789012", "arn:aws:iam::123456789012:user/ann", self.answered)

        stacks = [
            Stack(each.physical_name, f"arn:{each.stack}", self.statuses.get(each.stack, "UPDATE_COMPLETE"),
                  outputs=OUTPUTS.get(each.stack, {}))
            for each in target.templates if each.stack not in self.absent
        ]  # fmt: skip
        account = SimpleNamespace(
            zones=lambda: answer("zones", {name: name for name in self.zones}),
            fargate_vcpus=lambda: answer("quota", self.vcpus),
            hosted_zone=lambda _: answer("zone", self.zone),
            name_servers=lambda _: answer("zone", SERVERS if self.zone else frozenset()),
            lambda_concurrency=lambda: answer("lambda", LambdaConcurrency(1000, 1000)),
        )
        aws = SimpleNamespace(
            region="us-east-1", identity=identity, credentials_end=lambda: self.ends, account=account,
            iam=SimpleNamespace(has_role=lambda name: answer("roles", name in self.roles)),
            topics=SimpleNamespace(subscriptions=lambda _: answer("topics", self.subscriptions)),
            certificates=SimpleNamespace(certificate=lambda _: answer("certificate", self.certificate)),
            cloudformation=SimpleNamespace(stacks=lambda: answer("stacks", stacks)),
        )  # fmt: skip
        aws.in_region = lambda _: aws
        return aws


def unreachable() -> Target:
    """Nobody answers at all."""
    raise AwsError("sts.us-east-1.amazonaws.com can't be reached.", aws_code="EndpointConnectionError")


def soon(minutes: float) -> float:
    return time.time() + minutes * 60
