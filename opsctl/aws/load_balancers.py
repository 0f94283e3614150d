"""Elastic Load Balancing: what deleting a load balancer needs."""

from __future__ import annotations

from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


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
