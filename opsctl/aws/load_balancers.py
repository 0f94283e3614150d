"""Elastic Load Balancing: how targets are, and what deleting a load balancer needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """A target as its group sees it. `state` as ELB words it, such as `healthy` or `draining`; `reason` is a code, such
    as `Target.ResponseCodeMismatch`, and "" for a healthy one.
    """

    id: str
    port: int
    state: str
    reason: str = ""
    description: str = ""


class LoadBalancers:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def target_health(self, group: str) -> list[TargetHealth]:
        """The targets of a group, by its ARN; none of a group that is gone."""
        try:
            with translated():
                found = self._client.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        except AwsError as error:
            if error.aws_code in {"TargetGroupNotFound", "TargetGroupNotFoundException"}:
                return []
            raise
        return [_health(each) for each in found]

    def lift_protection(self, arn: str) -> None:
        """Switch deletion protection off; a load balancer that is gone is no error."""
        attributes = [{"Key": "deletion_protection.enabled", "Value": "false"}]
        try:
            with translated():
                self._client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
        except AwsError as error:
            if error.aws_code not in {"LoadBalancerNotFound", "LoadBalancerNotFoundException"}:
                raise


def _health(item: dict[str, Any]) -> TargetHealth:
    health = item.get("TargetHealth", {})
    return TargetHealth(
        id=item["Target"]["Id"],
        port=int(item["Target"].get("Port", 0)),
        state=health.get("State", ""),
        reason=health.get("Reason", ""),
        description=health.get("Description", ""),
    )
