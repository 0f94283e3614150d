"""How long CloudFormation takes to make a resource, by type: published experience, until releases teach better.

`grade`: A, an event log with times that somebody published; B, a statement of AWS or of an author; C, our estimate.
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
_MULTI_AZ = Duration(660.0)

# Types that are not here are a call and its answer.
_OTHERS = Duration(5.0)

_BY_TYPE: dict[str, Duration] = {
    "AWS::EC2::VPC": Duration(15.0),
    "AWS::EC2::InternetGateway": Duration(18.0),
    "AWS::EC2::EIP": Duration(18.0),
    "AWS::EC2::NatGateway": Duration(110.0),
    "AWS::EC2::Instance": Duration(25.0),
    "AWS::IAM::InstanceProfile": Duration(125.0),
    "AWS::IAM::Role": Duration(18.0),
    "AWS::RDS::DBInstance": Duration(360.0),
    "AWS::RDS::EventSubscription": Duration(60.0),
    "AWS::SecretsManager::RotationSchedule": Duration(120.0),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Duration(150.0),
    "AWS::CertificateManager::Certificate": Duration(120.0),
    "AWS::WAFv2::WebACLAssociation": Duration(20.0),
    "AWS::Route53::RecordSet": Duration(45.0),
    "AWS::ECS::Service": Duration(120.0),
    "AWS::Lambda::Function": Duration(15.0),
    "AWS::KMS::Key": Duration(20.0),
    "AWS::SQS::Queue": Duration(60.0),
    "AWS::S3::Bucket": Duration(20.0),
    "AWS::CloudFront::Distribution": Duration(240.0),
    "Custom::DbInit": Duration(30.0),
}


# A new task starts and is healthy, the old one is drained and stops.
_UPDATE = {"AWS::ECS::Service": 120.0, "AWS::RDS::DBInstance": 300.0, "AWS::CloudFront::Distribution": 240.0}
_DELETE = {
    # A final snapshot, then the instance.
    "AWS::RDS::DBInstance": 480.0,
    # Its network interfaces go minutes later, at most 20. [Lambda DG, foundation networking]
    "AWS::Lambda::Function": 1200.0,
    "AWS::SecretsManager::RotationSchedule": 1200.0,
    "AWS::CloudFront::Distribution": 300.0,
    "AWS::EC2::NatGateway": 60.0,
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
    if resource_type == "AWS::RDS::DBInstance" and str(properties.get("MultiAZ", "")).lower() == "true":
        return _MULTI_AZ
    return _BY_TYPE.get(resource_type, _OTHERS)
