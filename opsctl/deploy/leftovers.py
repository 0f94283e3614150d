"""What a removed environment leaves behind: why, what it costs, and the command that takes it away.

Prices are those of `opsctl cost`; where none is known none is said.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from opsctl.config.naming import BOOTSTRAP_STACK

if TYPE_CHECKING:
    from opsctl.cost.prices import PriceTable

SNAPSHOT = "AWS::RDS::DBSnapshot"
"""A database's final snapshot: of no stack, so that no template has the type."""
SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type of resources
ROLES = "opsctl-ci"
"""The stack of the roles that CI takes, which an administrator made."""
_STACK = "AWS::CloudFormation::Stack"
_REMOVE_STACK = (
    "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {id} "
    "--region {region} && aws cloudformation delete-stack --stack-name {id} --region {region}"
)


@dataclass(frozen=True, slots=True)
class Left:
    """One thing that outlived its stack, by CloudFormation's type and physical id, in a region."""

    type: str
    id: str
    region: str


@dataclass(frozen=True, slots=True)
class Leftover:
    """The same as a person needs it. `cost` is US dollars by month, `price_date` the date of that price's source; both
    "" where the price is not known.
    """

    kind: str
    name: str
    region: str
    reason: str
    cost: str
    command: str
    price_date: str = ""

    def to_dict(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)


class _Kind(NamedTuple):
    """How a type is told; `command` takes the shell's words for id and region; `price` is the price table's item, and
    `unit` follows it.
    """

    kind: str
    reason: str
    command: str
    price: str = ""
    unit: str = ""


_KINDS = {
    "AWS::ECR::Repository": _Kind(
        "image repository", "its images can be run again, by other environments too",
        "aws ecr delete-repository --force --repository-name {id} --region {region}",
        "ecr.gb", "per GB",
    ),
    "AWS::S3::Bucket": _Kind(
        "bucket", "it holds files; empty it first, with all versions",
        "aws s3 rb s3://{id} --region {region}",
        "s3.gb", "per GB",
    ),
    SECRET: _Kind(
        "secret", "what a snapshot holds, or was signed, may need it; it goes for good some days after its deletion",
        "aws secretsmanager delete-secret --secret-id {id} --region {region}",
        "secret",
    ),
    "AWS::KMS::Key": _Kind(
        "key", "without it nothing that it encrypted can be read again, snapshots included",
        "aws kms schedule-key-deletion --key-id {id} --pending-window-in-days 30 --region {region}",
        "kms.key",
    ),
    "AWS::Logs::LogGroup": _Kind(
        "log group", "the environment was protected, so its logs stay until they expire",
        "aws logs delete-log-group --log-group-name {id} --region {region}",
        "logs.stored", "per GB",
    ),
    SNAPSHOT: _Kind(
        "final snapshot", "the database's data; automated backups stay too, until their retention ends",
        "aws rds delete-db-snapshot --db-snapshot-identifier {id} --region {region}",
        "rds.backup", "per GB",
    ),
    "AWS::RDS::DBSubnetGroup": _Kind(
        "subnet group", "it was there before the environment took the database over",
        "aws rds delete-db-subnet-group --db-subnet-group-name {id} --region {region}",
    ),
    _STACK: _Kind(
        "stack", "it belongs to the account and region, which hold no other environment: records, locks, logs",
        _REMOVE_STACK,
    ),
    ROLES: _Kind(
        "stack", "workflows sign in by its roles, which an administrator made for this environment", _REMOVE_STACK
    ),
}  # fmt: skip


def leftovers(found: Iterable[Left], prices: PriceTable | None, *, last: str | None = None) -> list[Leftover]:
    """What is left, each once. `last`: the region whose bootstrap stack nobody needs any more.

    `prices` is None on this machine, where nothing costs, and one command takes it all.
    """
    left = [*dict.fromkeys(found), *([Left(_STACK, BOOTSTRAP_STACK, last)] if last is not None else [])]
    return [_told(each, prices) for each in left]


def _told(left: Left, prices: PriceTable | None) -> Leftover:
    kind = _KINDS.get(left.type, _Kind(left.type, "its stack says so", ""))
    if prices is None:
        return Leftover(kind.kind, left.id, left.region, kind.reason, "0", "opsctl local reset")
    price = prices.price(kind.price, left.region)
    cost = f"{price.usd:f} {kind.unit}".strip() if price else ""
    command = kind.command.format(id=shlex.quote(left.id), region=left.region)
    return Leftover(kind.kind, left.id, left.region, kind.reason, cost, command, price.date if price else "")
