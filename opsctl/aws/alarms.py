"""CloudWatch: what alarms did."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsctl.aws.translation import translated


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

    def changes(self, name: str, start: datetime) -> list[AlarmChange]:
        """Changes of one alarm's state since then, the oldest first. CloudWatch keeps them for 30 days.

        Asked by name: without one IAM wants the right on every alarm of the account. [service authorization reference]
        """
        pages = self._client.get_paginator("describe_alarm_history").paginate(
            AlarmName=name, HistoryItemType="StateUpdate", StartDate=start, ScanBy="TimestampAscending"
        )
        with translated():
            return [_change(item) for page in pages for item in page["AlarmHistoryItems"]]


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
