"""What only the account knows: its zones and limits, its hosted zones, and what AWS sells it there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.translation import translated

# "Fargate On-Demand vCPU resource count" in Service Quotas; a new account starts at 6.
FARGATE_VCPUS = ("fargate", "L-3032A538")


@dataclass(frozen=True, slots=True)
class LambdaConcurrency:
    """Concurrent executions: the account's limit, and what no function has reserved."""

    limit: int
    unreserved: int


@dataclass(frozen=True, slots=True)
class Database:
    """The engine version that an instance runs, such as 18.1, and its read replicas of this region."""

    version: str
    replicas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatabaseOffer:
    """One way in which RDS sells a class: a type of storage with its bounds in GiB, and the zones that have it."""

    storage_type: str
    min_storage: int
    max_storage: int
    multi_az: bool
    zones: frozenset[str]


class Account:
    """Reads one region of an account. `client` gives the boto3 client of a service. Every method raises AwsError."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client

    def zones(self) -> dict[str, str]:
        """Zones that this account can use, by name and id, such as us-east-1a: use1-az4; no Local or Wavelength Zones.

        Which zone a letter stands for differs between accounts; the id is the same for all.
        """
        with translated():
            answer = self._client("ec2").describe_availability_zones(
                Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
            )
        return {
            str(item["ZoneName"]): str(item["ZoneId"])
            for item in answer["AvailabilityZones"]
            if item["State"] == "available"
        }

    def endpoint_zones(self, services: Collection[str]) -> dict[str, frozenset[str]]:
        """By service, such as com.amazonaws.us-east-1.logs: the zones in which it takes interface endpoints."""
        names = {"Name": "service-name", "Values": sorted(services)}
        with translated():
            answer = self._client("ec2").describe_vpc_endpoint_services(
                Filters=[names, {"Name": "service-type", "Values": ["Interface"]}]
            )
        return {str(item["ServiceName"]): frozenset(item["AvailabilityZones"]) for item in answer["ServiceDetails"]}

    def s3_addresses(self, region: str) -> str:
        """The id of AWS's list of S3's addresses in the region, such as pl-63a5400a; it never changes."""
        name = f"com.amazonaws.{region}.s3"
        with translated():
            answer = self._client("ec2").describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [name]}])
        if not answer["PrefixLists"]:
            raise AwsError(f"EC2 knows no list of addresses {name}.")
        return str(answer["PrefixLists"][0]["PrefixListId"])

    def instance_type_zones(self, instance_type: str) -> frozenset[str]:
        """The zones, such as us-east-1a, in which EC2 starts instances of this type."""
        with translated():
            answer = self._client("ec2").describe_instance_type_offerings(
                LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [instance_type]}]
            )
        return frozenset(str(item["Location"]) for item in answer["InstanceTypeOfferings"])

    def image_fits(self, image: str, architecture: str) -> bool:
        """Whether an AMI can still be used, a deprecated one too, on that architecture (`arm64`, `x86_64`).

        True when nobody may ask: then AWS decides.
        """
        try:
            with translated():
                answer = self._client("ec2").describe_images(ImageIds=[image], IncludeDeprecated=True)
        except AwsRefusedError:
            return True
        except AwsError as error:
            if error.aws_code in {"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"}:
                return False
            raise
        return any(each.get("Architecture", architecture) == architecture for each in answer["Images"])

    def database(self, identifier: str) -> Database | None:
        """A database as it runs; None when there is none with this identifier."""
        try:
            with translated():
                found = self._client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        except AwsError as error:
            if error.aws_code in {"DBInstanceNotFound", "DBInstanceNotFoundFault"}:
                return None
            raise
        if not found:
            return None
        replicas = found[0].get("ReadReplicaDBInstanceIdentifiers", [])
        return Database(str(found[0]["EngineVersion"]), tuple(str(name) for name in replicas))

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

    def database_offers(self, version: str, instance_class: str) -> tuple[DatabaseOffer, ...]:
        """How RDS sells PostgreSQL `version` on this class in a VPC; none when it doesn't."""
        return tuple(_offer(item) for item in self._orderable(EngineVersion=version, DBInstanceClass=instance_class))

    def database_classes(self, version: str) -> frozenset[str]:
        """Every class on which RDS sells PostgreSQL `version`. Some twenty pages: ask when one is missing only."""
        return frozenset(str(item["DBInstanceClass"]) for item in self._orderable(EngineVersion=version))

    def _orderable(self, **wanted: str) -> Iterator[dict[str, Any]]:
        pages = (
            self._client("rds")
            .get_paginator("describe_orderable_db_instance_options")
            .paginate(Engine="postgres", Vpc=True, **wanted)
        )
        with translated():
            for page in pages:
                yield from page["OrderableDBInstanceOptions"]

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

    def name_servers(self, identifier: str) -> frozenset[str]:
        """Those that answer for a hosted zone, without the final dot; none when it is not there, or private."""
        try:
            with translated():
                answer = self._client("route53").get_hosted_zone(Id=identifier)
        except AwsError as error:
            if error.aws_code in {"NoSuchHostedZone", "InvalidInput"}:
                return frozenset()
            raise
        return frozenset(
            str(each).rstrip(".").lower() for each in answer.get("DelegationSet", {}).get("NameServers", [])
        )

    def address_records(self, zone: str, name: str) -> tuple[str, ...]:
        """Where records of a name lead, of those that rule out another address: an alias's or CNAME's target, or "" """
        with translated():
            answer = self._client("route53").list_resource_record_sets(
                HostedZoneId=zone, StartRecordName=name, MaxItems="100"
            )
        return tuple(
            _target(each)
            for each in answer["ResourceRecordSets"]
            if each["Type"] in {"A", "AAAA", "CNAME"}
            and str(each["Name"]).rstrip(".").replace("\\052", "*").lower() == name.lower()
        )

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


def _target(record: dict[str, Any]) -> str:
    values = [str(each["Value"]) for each in record.get("ResourceRecords", ())] if record["Type"] == "CNAME" else []
    found = str(record.get("AliasTarget", {}).get("DNSName", "")) or "".join(values)
    return found.rstrip(".").lower().removeprefix("dualstack.")


def _offer(item: dict[str, Any]) -> DatabaseOffer:
    """RDS leaves the bounds out where a type of storage has none."""
    return DatabaseOffer(
        storage_type=str(item["StorageType"]),
        min_storage=int(item.get("MinStorageSize", 0)),
        max_storage=int(item.get("MaxStorageSize", 65536)),
        multi_az=bool(item["MultiAZCapable"]),
        zones=frozenset(str(zone["Name"]) for zone in item["AvailabilityZones"]),
    )
