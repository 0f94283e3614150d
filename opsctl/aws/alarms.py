"""CloudWatch: alarms and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsctl.aws.translation import translated


@dataclass(frozen=True, slots=True)
class Alarm:
    """A metric alarm. `state` is OK, ALARM or INSUFFICIENT_DATA, `since` when it became so."""

    name: str
    state: str
    reason: str = ""
    description: str = ""
    since: datetime | None = None


class Alarms:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def alarms(self, prefix: str) -> list[Alarm]:
        """Metric alarms whose names begin so."""
        found: list[Alarm] = []
        with translated():
            pages = self._client.get_paginator("describe_alarms").paginate(
                AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"]
            )
            for page in pages:
                found += [_alarm(each) for each in page.get("MetricAlarms", [])]
        return found


def _alarm(item: dict[str, Any]) -> Alarm:
    """StateTransitionedTimestamp is when the state became another; StateUpdatedTimestamp moves with every new reason.
    [API MetricAlarm]
    """
    return Alarm(
        name=item["AlarmName"],
        state=item.get("StateValue", ""),
        reason=item.get("StateReason", ""),
        description=item.get("AlarmDescription", ""),
        since=item.get("StateTransitionedTimestamp") or item.get("StateUpdatedTimestamp"),
    )
