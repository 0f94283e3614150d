"""How long CloudFormation takes to make a resource, by type: published experience, until releases teach better.

`grade`: A, an event log with times, or seconds printed by a tool that follows CloudFormation's events, that somebody
published; B, a statement of AWS or an author, or another tool's waiting for the same call; C, our estimate. Medians of
what was found. CloudFormation starts some resources before what they refer to is complete; here they wait, so a deploy
may be quicker. https://aws.amazon.com/about-aws/whats-new/2024/03/aws-cloudformation-40-percent-faster-stack-creation/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Literal

from opsctl.deploy.events import Event, ResourceChanged

STACK = "AWS::CloudFormation::Stack"

# A stack's own time: change set made and described, first and last event, a poll every 5 s.
STACK_SECONDS = 20.0
# Build and push of a small image; a tag that is there costs a second.
IMAGE_SECONDS = 60.0
# A Fargate task from RunTask to its end, when migrations take little: address, image, start, work.
RELEASE_TASK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds that creating takes, where that was read, and how good it is."""

    create: float
    source: str = ""
    grade: Literal["A", "B", "C"] = "C"


# The second instance in another zone is made after the first, from its snapshot.
_MULTI_AZ = Duration(660.0, "526 s from `created` to its first backup: hashicorp/terraform#498, 2014")
# Made from a snapshot of its source, then brought up to date.
_REPLICA = Duration(1200.0, "tests with source and removal 1244 to 1962 s: hashicorp/terraform-provider-aws#40426", "B")
# A function in a VPC is complete once Lambda has attached it to the subnets.
_IN_VPC = Duration(228.0, "228 and 229 s, a CI log of 2025-09-04; Terraform 232 s, 2026-06-25", "A")

# Types that are not here are a call and its answer.
_OTHERS = Duration(5.0)
_COPILOT = "printed by Copilot CLI and docker compose, 2020 to 2023"

_BY_TYPE: dict[str, Duration] = {
    "AWS::EC2::VPC": Duration(14.0, "12 and 14 s, logs of 2024-12-23 and 2025-09-04", "A"),
    "AWS::EC2::InternetGateway": Duration(17.0, f"logs of 2024 and 2025; nine {_COPILOT}", "A"),
    "AWS::EC2::EIP": Duration(17.5, "17 and 18 s, a log of 2025-09-04", "A"),
    "AWS::EC2::NatGateway": Duration(102.0, "96 to 125 s, logs of 2020-03-05 and 2025-09-04", "A"),
    "AWS::EC2::Instance": Duration(25.0, "13 s, a log of 2024-12-23; its script signals later"),
    "AWS::EC2::VPCEndpoint": Duration(60.0, "a gateway's takes 3 s, a log of 2025-09-04; interfaces are estimated"),
    "AWS::IAM::InstanceProfile": Duration(132.0, "121 to 132 s, four logs of 2020 to 2025", "A"),
    "AWS::IAM::Role": Duration(17.0, f"five in logs of 2020 to 2025; eleven {_COPILOT}", "A"),
    "AWS::IAM::Policy": Duration(17.0, "as a role"),
    "AWS::RDS::DBInstance": Duration(360.0, "Terraform 302 and 368 s for PostgreSQL, single zone", "B"),
    "AWS::RDS::EventSubscription": Duration(60.0),
    "AWS::SecretsManager::RotationSchedule": Duration(260.0, "its function is one in a VPC"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Duration(138.0, f"123 s in a log; eleven {_COPILOT}, 88 to 185", "A"),
    "AWS::CertificateManager::Certificate": Duration(120.0, "Copilot's step for one took 46 s"),
    "AWS::WAFv2::WebACLAssociation": Duration(20.0),
    "AWS::Route53::RecordSet": Duration(45.0, "Terraform 35 and 55 s", "B"),
    "AWS::ECS::Cluster": Duration(8.0, f"eleven {_COPILOT}", "A"),
    "AWS::ECS::Service": Duration(89.0, f"62 s in a log; twenty {_COPILOT}, 62 to 201", "A"),
    "AWS::Lambda::Function": Duration(8.0, "a log of 2025-09-04", "A"),
    "AWS::KMS::Key": Duration(121.0, "aws-containers/ecs-task-protection-examples, README of 2023-05", "A"),
    "AWS::SQS::Queue": Duration(32.0, "31 and 32 s, a log of 2025-09-04; 72 s with a key, 2023", "A"),
    "AWS::S3::Bucket": Duration(16.0, "15 and 16 s, a log of 2025-09-04; 22 s before", "A"),
    "AWS::CloudFront::Distribution": Duration(271.0, "a log of 2020-06-01; Terraform's median is 216 s", "A"),
    "Custom::DbInit": Duration(30.0),
}

_UPDATE = {
    "AWS::ECS::Service": 60.0,  # until the new tasks are healthy; the old ones end in the background
    "AWS::RDS::DBInstance": 300.0,
    "AWS::CloudFront::Distribution": 240.0,
}
_DELETE = {
    # A final snapshot, then the instance.
    "AWS::RDS::DBInstance": 480.0,
    # In a VPC: at most. 9 to 104 s when it is young (a log of 2025-09-04), "up to 20 minutes" by AWS.
    "AWS::Lambda::Function": 1200.0,
    "AWS::SecretsManager::RotationSchedule": 1200.0,
    "AWS::CloudFront::Distribution": 300.0,
    "AWS::EC2::NatGateway": 56.0,  # 48 and 64 s, a log of 2025-09-04
    "AWS::EC2::Instance": 60.0,
    "AWS::EC2::VPCEndpoint": 60.0,
    "AWS::ECS::Service": 120.0,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 15.0,
}


class Stopwatch:
    """Listens to a deploy, and tells how long CloudFormation took to make resources."""

    def __init__(self) -> None:
        self._begun: dict[tuple[str, str], datetime] = {}
        self._took: dict[str, list[float]] = {}

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if not isinstance(event, ResourceChanged) or event.resource_type == STACK:
            return
        name = (event.step, event.logical_id)
        if event.status == "CREATE_IN_PROGRESS":
            self._begun.setdefault(name, event.at)  # reported twice: begun, and begun with an id
        elif event.status == "CREATE_COMPLETE" and name in self._begun:
            took = (event.at - self._begun.pop(name)).total_seconds()
            self._took.setdefault(event.resource_type, []).append(took)

    @property
    def seconds(self) -> dict[str, float]:
        """By resource type, the median of what was made."""
        return {kind: median(took) for kind, took in self._took.items()}


def learned(seconds: Mapping[str, float]) -> Callable[[str, Mapping[str, Any]], Duration]:
    """`duration_of` of an environment whose earlier releases took `seconds`, by resource type."""

    def of(resource_type: str, properties: Mapping[str, Any]) -> Duration:
        if resource_type in seconds:
            return Duration(seconds[resource_type], "this environment's earlier releases", "A")
        return duration_of(resource_type, properties)

    return of


def seconds_to_update(resource_type: str) -> float:
    """How long a change in place takes; our estimate."""
    return _UPDATE.get(resource_type, _OTHERS.create)


def seconds_to_delete(resource_type: str) -> float:
    """How long deleting takes; our estimate."""
    return _DELETE.get(resource_type, _OTHERS.create)


def duration_of(resource_type: str, properties: Mapping[str, Any]) -> Duration:
    """How long creating a resource of this type, with these properties of its template, takes."""
    if resource_type == "AWS::RDS::DBInstance" and "SourceDBInstanceIdentifier" in properties:
        return _REPLICA
    if resource_type == "AWS::RDS::DBInstance" and str(properties.get("MultiAZ", "")).lower() == "true":
        return _MULTI_AZ
    if resource_type == "AWS::Lambda::Function" and "VpcConfig" in properties:
        return _IN_VPC
    return _BY_TYPE.get(resource_type, _OTHERS)
