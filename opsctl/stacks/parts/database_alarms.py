"""Alarms of one database instance: CPU, free storage, connections."""

from __future__ import annotations

from typing import Any

from opsctl.stacks.parts.alarms import alarm
from opsctl.stacks.parts.base import StackBuilder

GIB = 1024**3
CPU_PERCENT = 80
FREE_STORAGE_SHARE = 0.15
CONNECTIONS_SHARE = 0.8
# GiB of memory of a class's smallest sizes; from `large` on each step doubles. [RDS instance class tables]
_SMALL = {"nano": 0.5, "micro": 1, "small": 2, "medium": 4}
_LARGE = {"t": 8, "m": 8, "r": 16, "x": 32, "c": 4}


def database_alarms(stack: StackBuilder, name: str, identifier: Any, *, is_replica: bool) -> None:
    """Add the three alarms of the instance with logical id `name`.

    A replica has its source's data but not its growth: when the source's storage is enlarged, its own stays as it is.
    It starts with its source's size of that day, at least `allocated_storage`, so this share of that is never late.
    """
    remedy = "It does not grow with its source: enlarge it by hand" if is_replica else "Raise it in time"
    settings = stack.env.rds
    common: dict[str, Any] = {"namespace": "AWS/RDS", "dimensions": {"DBInstanceIdentifier": identifier}}
    alarm(
        stack,
        f"{name}CpuAlarm",
        description=f"{name}: CPU above {CPU_PERCENT} % for 15 minutes. Look for slow queries.",
        metric="CPUUtilization",
        threshold=CPU_PERCENT,
        **common,
    )
    alarm(
        stack,
        f"{name}StorageAlarm",
        description=f"{name}: less than {FREE_STORAGE_SHARE:.0%} of the initial storage is free. {remedy}.",
        metric="FreeStorageSpace",  # bytes
        threshold=int(settings.allocated_storage * GIB * FREE_STORAGE_SHARE),
        comparison="LessThanThreshold",
        statistic="Minimum",
        missing="missing",
        **common,
    )
    alarm(
        stack,
        f"{name}ConnectionsAlarm",
        description=f"{name}: more than {CONNECTIONS_SHARE:.0%} of the connections it can take are open.",
        metric="DatabaseConnections",
        threshold=int(max_connections(settings.instance_class) * CONNECTIONS_SHARE),
        statistic="Maximum",
        **common,
    )


def max_connections(instance_class: str) -> int:
    """What RDS for PostgreSQL sets by itself: LEAST(memory / 9531392, 5000). [UG RDS Limits]

    About a tenth of the memory is taken before the database counts it. An unknown size counts as 2 GiB: an alarm that
    comes early is better than one that cannot.
    """
    memory = _memory_gib(instance_class) * GIB * 0.9
    return min(5000, int(memory / 9_531_392))


def _memory_gib(instance_class: str) -> float:
    """GiB of `db.t4g.micro` and the like."""
    _, family, size = instance_class.split(".")
    if size in _SMALL:
        return _SMALL[size]
    large = _LARGE.get(family[0])
    times = 1 if size == "large" else 2 if size == "xlarge" else _multiple(size) * 2
    return float(large * times) if large and times else 2.0


def _multiple(size: str) -> int:
    """8 of `8xlarge`; 0 of anything else."""
    digits = size.removesuffix("xlarge")
    return int(digits) if digits.isdigit() else 0
