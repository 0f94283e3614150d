"""What only the account knows: its zones, limits and hosted zones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError, translated

# "Fargate On-Demand vCPU resource count" in Service Quotas; a new account starts at 6.
FARGATE_VCPUS = ("fargate", "L-3032A538")


@dataclass(frozen=True, slots=True)
class LambdaConcurrency:
    """Concurrent executions: the account's limit, and what no function has reserved."""

    limit: int
    unreserved: int


class Account:
    """Reads one region of an account. `client` gives the boto3 client of a service. Every method raises AwsError."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client

    def zones(self) -> frozenset[str]:
        """Availability zones that this account can use, such as us-east-1a; no Local or Wavelength Zones."""
        with translated():
            answer = self._client("ec2").describe_availability_zones(
                Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
            )
        return frozenset(item["ZoneName"] for item in answer["AvailabilityZones"] if item["State"] == "available")

    def hosted_zone(self, identifier: str) -> str | None:
        """A hosted zone's name without the final dot; None when there is none with this id."""
        try:
            with translated():
                answer = self._client("route53").get_hosted_zone(Id=identifier)
        except AwsError as error:
            if error.aws_code in {"NoSuchHostedZone", "InvalidInput"}:
                return None
            raise
        return str(answer["HostedZone"]["Name"]).rstrip(".")

    def lambda_concurrency(self) -> LambdaConcurrency:
        """Limits of Lambda in this region."""
        with translated():
            limits = self._client("lambda").get_account_settings()["AccountLimit"]
        return LambdaConcurrency(limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"])

    def fargate_vcpus(self) -> float:
        """How many vCPUs Fargate gives this account in this region."""
        service, code = FARGATE_VCPUS
        with translated():
            quota = self._client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)
        return float(quota["Quota"]["Value"])
