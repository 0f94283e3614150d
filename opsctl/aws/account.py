"""What only the account knows: its zones, limits and hosted zones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError, AwsRefusedError, translated

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

    def image_exists(self, image: str) -> bool:
        """Whether an AMI can still be used, a deprecated one too. True when nobody may ask: then AWS decides."""
        try:
            with translated():
                answer = self._client("ec2").describe_images(ImageIds=[image], IncludeDeprecated=True)
        except AwsRefusedError:
            return True
        except AwsError as error:
            if error.aws_code in {"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"}:
                return False
            raise
        return bool(answer["Images"])

    def database_version(self, identifier: str) -> str | None:
        """The engine version that a database runs, such as 18.1; None when there is no such database."""
        try:
            with translated():
                found = self._client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        except AwsError as error:
            if error.aws_code in {"DBInstanceNotFound", "DBInstanceNotFoundFault"}:
                return None
            raise
        return str(found[0]["EngineVersion"]) if found else None

    def upgrade_targets(self, version: str) -> tuple[str, ...]:
        """Versions to which RDS upgrades PostgreSQL `version` in one step."""
        with translated():
            answer = self._client("rds").describe_db_engine_versions(Engine="postgres", EngineVersion=version)
        return tuple(
            str(target["EngineVersion"])
            for item in answer["DBEngineVersions"]
            for target in item.get("ValidUpgradeTarget", [])
        )

    def default_version(self, version: str) -> str | None:
        """What RDS takes `18` for, such as 18.1; None when it has no such version in this region."""
        with translated():
            answer = self._client("rds").describe_db_engine_versions(
                Engine="postgres", EngineVersion=version, DefaultOnly="." not in version
            )
        found = answer["DBEngineVersions"]
        return str(found[0]["EngineVersion"]) if found else None

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
