"""Alarms of one database instance: CPU, free storage, connections."""

from __future__ import annotations

from typing import Any

from opsctl.config.connections import GIB, SHARE, max_connections
from opsctl.stacks.parts.alarms import alarm
from opsctl.stacks.parts.base import StackBuilder

CPU_PERCENT = 80
FREE_STORAGE_SHARE = 0.15
# Connections of 2 GiB: an alarm that comes early is better than one that cannot.
_UNKNOWN_CLASS = 202


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
        description=f"{name}: more than {SHARE:.0%} of the connections it can take are open.",
        metric="DatabaseConnections",
        threshold=int((max_connections(settings.instance_class) or _UNKNOWN_CLASS) * SHARE),
        statistic="Maximum",
        **common,
    )
