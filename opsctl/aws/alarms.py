"""CloudWatch: alarms, what they say and what they did."""

from __future__ import annotations

import json
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


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """An alarm went from one state to another, such as OK, ALARM and INSUFFICIENT_DATA; "" where it is not told."""

    at: datetime
    before: str
    after: str
    reason: str
    summary: str


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

    def changes(self, name: str, start: datetime) -> list[AlarmChange]:
        """Changes of one alarm's state since then, the oldest first. CloudWatch keeps them for 30 days.

        Asked by name: without one IAM wants the right on every alarm of the account. [service authorization reference]
        """
        pages = self._client.get_paginator("describe_alarm_history").paginate(
            AlarmName=name, HistoryItemType="StateUpdate", StartDate=start, ScanBy="TimestampAscending"
        )
        with translated():
            return [_change(item) for page in pages for item in page["AlarmHistoryItems"]]


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


def _change(item: dict[str, Any]) -> AlarmChange:
    """The states stand in `HistoryData`, JSON of which the reference names no form."""
    try:
        data = json.loads(item.get("HistoryData") or "{}")
        before, after = data.get("oldState") or {}, data.get("newState") or {}
        states = str(before.get("stateValue", "")), str(after.get("stateValue", ""))
        reason = str(after.get("stateReason", ""))
    except (ValueError, AttributeError):
        states, reason = ("", ""), ""
    return AlarmChange(item["Timestamp"], *states, reason, item.get("HistorySummary", ""))
