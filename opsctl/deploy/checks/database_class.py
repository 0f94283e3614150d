"""Whether RDS sells the database that is configured, before the first change set of its stack.

Asked only when an instance is made, or what is bought changes: RDS goes on running classes that it sells no more.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from opsctl.deploy.planning import compare

if TYPE_CHECKING:
    from opsctl.aws.account import Account, DatabaseOffer
    from opsctl.config.models import Environment

_INSTANCE = "AWS::RDS::DBInstance"
# What a database is bought by; the engine version decides which classes there are.
_BOUGHT = ("DBInstanceClass", "EngineVersion", "MultiAZ", "StorageType", "AllocatedStorage", "MaxAllocatedStorage")


def class_problems(
    env: Environment, deployed: Sequence[str], wanted: Sequence[str], account: Account
) -> tuple[str, ...]:
    """Why RDS would not sell what the templates `wanted` ask for, each in a sentence. Raises AwsError.

    `deployed` are the templates in force, empty where there is none.
    """
    if deployed == wanted or _bought(deployed) == _bought(wanted):
        return ()
    rds = env.rds
    version = account.default_version(rds.engine_version)
    if version is None:
        return (f"rds.engine_version: RDS has no PostgreSQL {rds.engine_version} in {env.region}.",)
    offers = [offer for offer in account.database_offers(version, rds.instance_class) if offer.storage_type == "gp3"]
    if not offers:
        near = _nearest(rds.instance_class, account.database_classes(version))
        return (f"rds.instance_class: RDS sells no {rds.instance_class} for PostgreSQL {version} here. {near}",)
    return tuple(_unfit(env, version, offers))


def _bought(templates: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    return {
        name: tuple(item.get("Properties", {}).get(key) for key in _BOUGHT)
        for template in templates
        for name, item in compare.resources_of(template).items()
        if item["Type"] == _INSTANCE
    }


def _nearest(instance_class: str, classes: frozenset[str]) -> str:
    close = difflib.get_close_matches(instance_class, sorted(classes), n=1, cutoff=0.0)
    return f"The nearest is {close[0]}." if close else "It sells none at all for that version."


def _unfit(env: Environment, version: str, offers: list[DatabaseOffer]) -> Iterator[str]:
    """What of the offers does not fit. With a standby RDS needs two zones of the subnet group, without one any."""
    rds = env.rds
    what = f"{rds.instance_class} with PostgreSQL {version}"
    if rds.multi_az:
        offers = [offer for offer in offers if offer.multi_az]
        if not offers:
            yield f"rds.multi_az: RDS sells {what} without a standby only."
            return
    there = frozenset().union(*(offer.zones for offer in offers))
    wanted = [f"{env.region}{letter}" for letter in env.vpc.availability_zones]
    needed = 2 if rds.multi_az else 1
    if sum(name in there for name in wanted) < needed:
        letters = ", ".join(sorted(name.removeprefix(env.region) for name in there)) or "none"
        standby = "a standby needs two" if rds.multi_az else "it needs one"
        yield (
            f"vpc.availability_zones: RDS has {what} in the zones {letters}, and {standby} of "
            f"{', '.join(env.vpc.availability_zones)}."
        )
    least, most = min(offer.min_storage for offer in offers), max(offer.max_storage for offer in offers)
    for key, size in (
        ("allocated_storage", rds.allocated_storage),
        ("max_allocated_storage", rds.max_allocated_storage),
    ):
        if size is not None and not least <= size <= most:
            yield f"rds.{key}: RDS sells {what} with {least} to {most} GiB, not with {size}."
