"""What to ask the Price List API for a price, and what its answer says.

A usage type begins with the region's mark (`SAE1-`, `EU-`; none in us-east-1), which no list of AWS's gives: the rest
is compared. An answer that holds no price, or two different ones, gives none: a price is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from opsctl.cost.prices import Price

SOURCE = "AWS Price List API"
_ENGINES = {"PostgreSQL", "Any"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Query:
    """Products of one service in a region whose usage type is `usage`; `attributes` tell those apart that share it.

    `times` makes the table's unit of the API's, such as a million requests.
    """

    service: str
    usage: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    unit: str = "hour"
    times: int = 1

    def filters(self, region: str) -> dict[str, str]:
        """What has to be equal, for the call."""
        where = "fromRegionCode" if self.service == "AWSDataTransfer" else "regionCode"
        return {where: region, **self.attributes}


_QUERIES: Mapping[str, Query] = {
    "alarm": Query("AmazonCloudWatch", "CW:AlarmMonitorUsage", unit="alarm-month"),
    "alarm.fast": Query("AmazonCloudWatch", "CW:HighResAlarmMonitorUsage", unit="alarm-month"),
    "alb.hour": Query("AWSELB", "LoadBalancerUsage", {"operation": "LoadBalancing:Application"}),
    "alb.lcu": Query("AWSELB", "LCUUsage", {"operation": "LoadBalancing:Application"}, "LCU-hour"),
    "ebs.gp3": Query("AmazonEC2", "EBS:VolumeUsage.gp3", unit="GB-month"),
    "ecr.gb": Query("AmazonECR", "TimedStorage-ByteHrs", unit="GB-month"),
    "endpoint.gb": Query("AmazonVPC", "VpcEndpoint-Bytes", unit="GB"),
    "endpoint.hour": Query("AmazonVPC", "VpcEndpoint-Hours"),
    "fargate.arm.gb": Query("AmazonECS", "Fargate-ARM-GB-Hours", unit="GB-hour"),
    "fargate.arm.vcpu": Query("AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU", unit="vCPU-hour"),
    "fargate.storage": Query("AmazonECS", "Fargate-EphemeralStorage-GB-Hours", unit="GB-hour"),
    "fargate.x86.gb": Query("AmazonECS", "Fargate-GB-Hours", unit="GB-hour"),
    "fargate.x86.vcpu": Query("AmazonECS", "Fargate-vCPU-Hours:perCPU", unit="vCPU-hour"),
    "ipv4.hour": Query("AmazonVPC", "PublicIPv4:InUseAddress"),
    "kms.key": Query("awskms", "KMS-Keys", unit="key-month"),
    "logs.in": Query("AmazonCloudWatch", "DataProcessing-Bytes", unit="GB"),
    "logs.stored": Query("AmazonCloudWatch", "TimedStorage-ByteHrs", unit="GB-month"),
    "logs.vended": Query("AmazonCloudWatch", "VendedLog-Bytes", unit="GB"),
    "nat.gb": Query("AmazonEC2", "NatGateway-Bytes", unit="GB"),
    "nat.hour": Query("AmazonEC2", "NatGateway-Hours"),
    "out.gb": Query("AWSDataTransfer", "DataTransfer-Out-Bytes", {"transferType": "AWS Outbound"}, "GB"),
    "rds.backup": Query("AmazonRDS", "RDS:ChargedBackupUsage", unit="GB-month"),
    "rds.gp3.multi": Query("AmazonRDS", "RDS:Multi-AZ-GP3-Storage", unit="GB-month"),
    "rds.gp3.single": Query("AmazonRDS", "RDS:GP3-Storage", unit="GB-month"),
    "s3.gb": Query("AmazonS3", "TimedStorage-ByteHrs", {"volumeType": "Standard"}, "GB-month"),
    "secret": Query("AWSSecretsManager", "AWSSecretsManager-Secrets", unit="secret-month"),
    "waf.acl": Query("awswaf", "WebACLV2", unit="ACL-month"),
    "waf.requests": Query("awswaf", "RequestV2-Tier1", unit="million requests", times=1_000_000),
    "waf.rule": Query("awswaf", "RuleV2", unit="rule-month"),
}
_LINUX = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}


def query(item: str) -> Query | None:
    """What to ask for an item of the table; None for one that the API has no answer to, or not one of a region."""
    if item in _QUERIES:
        return _QUERIES[item]
    if found := re.fullmatch(r"ec2\.(\w+\.\w+)", item):
        return Query("AmazonEC2", f"BoxUsage:{found[1]}", {**_LINUX, "instanceType": found[1]})
    if found := re.fullmatch(r"rds\.(db\.[\w-]+\.\w+)\.(single|multi)", item):
        usage = "InstanceUsage" if found[2] == "single" else "Multi-AZUsage"
        attributes = {"instanceType": found[1], "databaseEngine": "PostgreSQL"}
        # RDS bills `db.r5.2xl`; what it calls so elsewhere contains that.
        size = re.sub(r"xlarge$", "xl", found[1])
        return Query("AmazonRDS", f"{usage}:{size}", attributes)
    return None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why a price was not had, as the end of a sentence."""

    item: str
    region: str
    why: str


def read(item: str, region: str, asked: Query, products: Iterable[Mapping[str, Any]]) -> Price | Unanswered:
    """The price in the API's answer: the first tier that costs something, since what is free stands apart."""
    mark = rf"(?:(?:EU|[A-Z]{{3}}\d|{re.escape(region)})-)?"
    pattern = re.compile(mark + re.escape(asked.usage) + ("(?:arge)?" if asked.usage.endswith("xl") else ""))
    prices: set[tuple[Decimal, str]] = set()
    for product in products:
        attributes = _mapping(_mapping(product.get("product")).get("attributes"))
        if (
            pattern.fullmatch(str(attributes.get("usagetype", "")))
            and attributes.get("databaseEngine", "Any") in _ENGINES
        ):
            prices |= set(_prices(product))
    amounts = {amount for amount, _ in prices}
    if len(amounts) != 1:
        why = "the answer has no price" if not amounts else f"the answer has {len(amounts)} different prices"
        return Unanswered(item, region, why)
    newest = max(date for _, date in prices)
    return Price(item, region, asked.unit, amounts.pop() * asked.times, "API", newest, SOURCE)


def _prices(product: Mapping[str, Any]) -> Iterator[tuple[Decimal, str]]:
    """Of each on-demand term the first tier that is not free, and since when it holds."""
    for each in _mapping(_mapping(product.get("terms")).get("OnDemand")).values():
        term = _mapping(each)
        tiers = sorted(_tiers(_mapping(term.get("priceDimensions")).values()))
        first = next((amount for _, amount in tiers if amount), None)
        since = str(term.get("effectiveDate"))[:10]
        if first is not None and _DATE.fullmatch(since):
            yield first, since


def _tiers(dimensions: Iterable[Any]) -> Iterator[tuple[Decimal, Decimal]]:
    """Where each tier begins and what its unit costs, in dollars."""
    for each in map(_mapping, dimensions):
        begin = _number(each.get("beginRange", "0"))
        amount = _number(_mapping(each.get("pricePerUnit")).get("USD"))
        if begin is not None and amount is not None:
            yield begin, amount


def _number(given: object) -> Decimal | None:
    """A number from 0 on, which AWS writes as text; None for anything else. A table takes no NaN."""
    try:
        number = Decimal(given) if isinstance(given, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and number >= 0 else None


def _mapping(given: object) -> Mapping[str, Any]:
    """Itself, or an empty one where the answer has something else in that place."""
    return given if isinstance(given, Mapping) else {}
