"""What alarms did, as CloudWatch tells it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from opsctl.aws.alarms import AlarmChange, Alarms
from opsctl.aws.errors import AwsRefusedError

from .clients import stubbed

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
ASKED = {"AlarmName": "a", "HistoryItemType": "StateUpdate", "StartDate": NOON, "ScanBy": "TimestampAscending"}


def test_changes_come_over_pages_with_states_and_reason() -> None:
    data = {"version": "1.0", "oldState": {"stateValue": "OK"}, "newState": {"stateValue": "ALARM", "stateReason": "7"}}
    first = {"Timestamp": NOON, "HistorySummary": "s", "HistoryData": json.dumps(data)}
    with stubbed("cloudwatch") as (made, stub):
        stub.add_response("describe_alarm_history", {"AlarmHistoryItems": [first], "NextToken": "2"}, ASKED)
        answer = {"AlarmHistoryItems": [{"Timestamp": NOON, "HistorySummary": "t"}]}
        stub.add_response("describe_alarm_history", answer, {**ASKED, "NextToken": "2"})
        assert Alarms(made).changes("a", NOON) == [
            AlarmChange(NOON, "OK", "ALARM", "7", "s"), AlarmChange(NOON, "", "", "", "t"),
        ]  # fmt: skip


@pytest.mark.parametrize("data", ["{", "[]", "null", '{"newState": 7}'])
def test_data_of_another_form_leaves_the_summary(data: str) -> None:
    item = {"Timestamp": NOON, "HistorySummary": "s", "HistoryData": data}
    with stubbed("cloudwatch") as (made, stub):
        stub.add_response("describe_alarm_history", {"AlarmHistoryItems": [item]}, ASKED)
        assert Alarms(made).changes("a", NOON) == [AlarmChange(NOON, "", "", "", "s")]


def test_a_refusal_is_one() -> None:
    with stubbed("cloudwatch") as (made, stub):
        stub.add_client_error("describe_alarm_history", "AccessDenied", "no")
        with pytest.raises(AwsRefusedError):
            Alarms(made).changes("a", NOON)
