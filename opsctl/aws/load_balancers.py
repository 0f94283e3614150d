"""Elastic Load Balancing: what deleting a load balancer needs, and what it thinks of its targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """One target of a group. `state` is initial, healthy, unhealthy, draining or unused; `reason` a code such as
    Target.ResponseCodeMismatch, and `description` a sentence such as `Health checks failed with these codes: [404]`.
    [API TargetHealth]
    """

    address: str
    port: int
    state: str
    reason: str = ""
    description: str = ""


class LoadBalancers:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def lift_protection(self, arn: str) -> None:
        """Switch deletion protection off; a load balancer that is gone is no error."""
        attributes = [{"Key": "deletion_protection.enabled", "Value": "false"}]
        try:
            with translated():
                self._client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
        except AwsError as error:
            if error.aws_code not in {"LoadBalancerNotFound", "LoadBalancerNotFoundException"}:
                raise

    def target_health(self, group: str) -> tuple[TargetHealth, ...]:
        """What a target group thinks of its targets; nothing for a group that is gone."""
        try:
            with translated():
                answer = self._client.describe_target_health(TargetGroupArn=group)
        except AwsError as error:
            if error.aws_code in {"TargetGroupNotFound", "TargetGroupNotFoundException"}:
                return ()
            raise
        return tuple(
            TargetHealth(
                address=each["Target"]["Id"],
                port=each["Target"].get("Port", 0),
                state=each.get("TargetHealth", {}).get("State", ""),
                reason=each.get("TargetHealth", {}).get("Reason", ""),
                description=each.get("TargetHealth", {}).get("Description", ""),
            )
            for each in answer["TargetHealthDescriptions"]
        )
