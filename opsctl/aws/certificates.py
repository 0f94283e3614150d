"""ACM: certificates and how long they are good for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate. `status` and `renewal` as ACM words them; `used_by` are ARNs; `reason` tells why it failed."""

    arn: str
    domain: str
    status: str
    expires: datetime | None = None
    renewal: str = ""
    reason: str = ""
    used_by: tuple[str, ...] = ()


class Certificates:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def certificate(self, arn: str) -> Certificate | None:
        """A certificate; None when there is none."""
        try:
            with translated():
                item = self._client.describe_certificate(CertificateArn=arn)["Certificate"]
        except AwsError as error:
            if error.aws_code == "ResourceNotFoundException":
                return None
            raise
        return Certificate(
            arn=arn,
            domain=item.get("DomainName", ""),
            status=item.get("Status", ""),
            expires=item.get("NotAfter"),
            renewal=item.get("RenewalSummary", {}).get("RenewalStatus", ""),
            reason=item.get("FailureReason", "") or item.get("RenewalSummary", {}).get("RenewalStatusReason", ""),
            used_by=tuple(item.get("InUseBy", [])),
        )
