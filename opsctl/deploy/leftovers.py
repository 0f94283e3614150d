"""What a removed environment leaves behind: why, what it costs, and the command that takes it away.

Prices are list prices, before tax, as recorded between 2024-07 and 2026-09; where none is known none is said.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import NamedTuple

from opsctl.config.naming import BOOTSTRAP_STACK

SNAPSHOT = "AWS::RDS::DBSnapshot"
"""A database's final snapshot: of no stack, so that no template has the type."""
SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type of resources
_STACK = "AWS::CloudFormation::Stack"
PRICES_OF = "2026-09"


@dataclass(frozen=True, slots=True)
class Left:
    """One thing that outlived its stack, by CloudFormation's type and physical id, in a region."""

    type: str
    id: str
    region: str


@dataclass(frozen=True, slots=True)
class Leftover:
    """The same as a person needs it. `cost` is US dollars by month, "" where the price is not known here."""

    kind: str
    name: str
    region: str
    reason: str
    cost: str
    command: str

    def to_dict(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)


class _Kind(NamedTuple):
    """How a type is told; `command` takes the shell's words for id and region, `unit` follows a price."""

    kind: str
    reason: str
    command: str
    unit: str = ""
    prices: Mapping[str, str] = MappingProxyType({})


_KINDS = {
    "AWS::ECR::Repository": _Kind(
        "image repository", "its images can be run again, by other environments too",
        "aws ecr delete-repository --force --repository-name {id} --region {region}",
        "per GB", {"us-east-1": "0.10", "sa-east-1": "0.10"},
    ),
    "AWS::S3::Bucket": _Kind(
        "bucket", "it holds files; empty it first, with all versions",
        "aws s3 rb s3://{id} --region {region}",
        "per GB", {"us-east-1": "0.023", "sa-east-1": "0.041"},
    ),
    SECRET: _Kind(
        "secret", "what a snapshot holds, or was signed, may need it; it goes for good some days after its deletion",
        "aws secretsmanager delete-secret --secret-id {id} --region {region}",
        "", {"us-east-1": "0.40", "sa-east-1": "0.40"},
    ),
    "AWS::KMS::Key": _Kind(
        "key", "without it nothing that it encrypted can be read again, snapshots included",
        "aws kms schedule-key-deletion --key-id {id} --pending-window-in-days 30 --region {region}",
        "", {"us-east-1": "1.00", "sa-east-1": "1.00"},
    ),
    "AWS::Logs::LogGroup": _Kind(
        "log group", "the environment was protected, so its logs stay until they expire",
        "aws logs delete-log-group --log-group-name {id} --region {region}",
        "per GB", {"us-east-1": "0.03", "sa-east-1": "0.041"},
    ),
    SNAPSHOT: _Kind(
        "final snapshot", "the database's data; automated backups stay too, until their retention ends",
        "aws rds delete-db-snapshot --db-snapshot-identifier {id} --region {region}",
        "per GB", {"us-east-1": "0.095"},
    ),
    _STACK: _Kind(
        "stack", "it belongs to the account and region, which hold no other environment: records, locks, logs",
        "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {id} "
        "--region {region} && aws cloudformation delete-stack --stack-name {id} --region {region}",
    ),
}  # fmt: skip


def leftovers(found: Iterable[Left], *, local: bool, last: str | None = None) -> list[Leftover]:
    """What is left, each once. `last`: the region whose bootstrap stack nobody needs any more.

    On this machine nothing costs, and one command takes it all.
    """
    left = [*dict.fromkeys(found), *([Left(_STACK, BOOTSTRAP_STACK, last)] if last is not None else [])]
    return [_told(each, local=local) for each in left]


def _told(left: Left, *, local: bool) -> Leftover:
    kind = _KINDS.get(left.type, _Kind(left.type, "its stack says so", ""))
    if local:
        return Leftover(kind.kind, left.id, left.region, kind.reason, "0", "opsctl local reset")
    price = kind.prices.get(left.region, "")
    cost = f"{price} {kind.unit}".strip() if price else ""
    command = kind.command.format(id=shlex.quote(left.id), region=left.region)
    return Leftover(kind.kind, left.id, left.region, kind.reason, cost, command)
