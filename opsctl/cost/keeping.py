"""What watches and keeps: logs, alarms, metrics, detection, buckets, images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from opsctl.cost.billing import DAYS, Billing, Component, shared
from opsctl.cost.scene import Resource

# An alarm that looks more often is one of high resolution. [CloudWatch pricing]
_STANDARD_SECONDS = 60
# Application Auto Scaling makes one above and one below the target, in the environment's account.
_ALARMS_OF_A_TARGET = 2
_YEAR = 365


def log_groups(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
    """What is written, and what lies there once the first of it is let go: a steady state, not the first month."""
    written = billing.assumed("log_gb")
    yield shared("logs written", "logs.in", resources, written, "log_gb")
    yield shared("logs kept", "logs.stored", resources, written * _days(resources) / DAYS, "log_gb")


def flow_logs(resources: Sequence[Resource], billing: Billing) -> Iterator[Component]:
    """AWS writes them at a price of its own; they are kept in a log group of their own, at the price of any log."""
    written = billing.assumed("flow_log_gb")
    yield shared("flow logs written", "logs.vended", resources, written, "flow_log_gb")
    groups = billing.scene.all("AWS::Logs::LogGroup")
    yield shared("flow logs kept", "logs.stored", resources, written * _days(groups) / DAYS, "flow_log_gb")


def _days(groups: Sequence[Resource]) -> int:
    return max((one.number("RetentionInDays", _YEAR) for one in groups), default=_YEAR)


def alarms(resources: Sequence[Resource], _: Billing) -> Iterator[Component]:
    """Each metric that an alarm looks at."""
    for one in resources:
        metrics = sum("MetricStat" in each for each in one.properties.get("Metrics", [])) or 1
        item = "alarm.fast" if one.number("Period", 300) < _STANDARD_SECONDS else "alarm"
        yield shared("alarm", item, [one], Decimal(metrics))


def scaling(resources: Sequence[Resource], _: Billing) -> Iterator[Component]:
    """The alarms of policies that track a target."""
    for one in resources:
        if one.properties.get("PolicyType") == "TargetTrackingScaling":
            yield shared("alarm", "alarm", [one], Decimal(_ALARMS_OF_A_TARGET))


def clusters(resources: Sequence[Resource], _: Billing) -> Iterator[Component]:
    """A cluster is free. Container Insights are not: AWS bills metrics whose number nothing here says."""
    for one in resources:
        for setting in one.properties.get("ClusterSettings", []):
            level = str(setting.get("Value"))
            if setting.get("Name") == "containerInsights" and level != "disabled":
                yield shared(f"Container Insights ({level})", f"insights.{level}", [one], Decimal(1))


def detectors(resources: Sequence[Resource], _: Billing) -> Iterator[Component]:
    """GuardDuty is billed by events of the whole account, whose number nothing here says."""
    for one in resources:
        yield shared("GuardDuty", "guardduty", [one], Decimal(1))
