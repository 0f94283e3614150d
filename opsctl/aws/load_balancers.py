"""Elastic Load Balancing: what deleting a load balancer needs, and how its targets are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """One target. `reason` is a code such as `Target.ResponseCodeMismatch`, "" for a healthy one."""

    address: str
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

    def health(self, target_group: str) -> tuple[TargetHealth, ...]:
        """The targets of a group; none when the group is gone."""
        try:
            with translated():
                found = self._client.describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
        except AwsError as error:
            if error.aws_code in {"TargetGroupNotFound", "TargetGroupNotFoundException"}:
                return ()
            raise
        return tuple(_target(each) for each in found)


def _target(item: dict[str, Any]) -> TargetHealth:
    target, health = item["Target"], item.get("TargetHealth", {})
    return TargetHealth(
        f"{target['Id']}:{target.get('Port', '')}",
        health.get("State", ""),
        health.get("Reason", ""),
        health.get("Description", ""),
    )
