"""CloudWatch: the alarms of an environment, and what they did."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from opsctl.aws.alarms import Alarm, AlarmChange, Alarms
from opsctl.aws.errors import AwsRefusedError

from .clients import stubbed

NOW, BEFORE = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
ASKED = {"AlarmNamePrefix": "dev-shop-", "AlarmTypes": ["MetricAlarm"]}


def test_alarms_are_read_to_the_last_page_and_say_since_when_they_fire() -> None:
    fires = {"AlarmName": "dev-shop-a", "StateValue": "ALARM", "StateReason": "crossed", "AlarmDescription": "look",
             "StateTransitionedTimestamp": BEFORE, "StateUpdatedTimestamp": NOW}  # fmt: skip
    with stubbed("cloudwatch") as (made, stub):
        stub.add_response("describe_alarms", {"MetricAlarms": [fires], "NextToken": "n"}, ASKED)
        fine = {"AlarmName": "dev-shop-b", "StateValue": "OK", "StateUpdatedTimestamp": NOW}
        stub.add_response("describe_alarms", {"MetricAlarms": [fine]}, {**ASKED, "NextToken": "n"})
        found = Alarms(made).alarms("dev-shop-")
    assert found == [
        Alarm("dev-shop-a", "ALARM", "crossed", "look", BEFORE), Alarm("dev-shop-b", "OK", since=NOW),
    ]  # fmt: skip


NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
HISTORY = {"AlarmName": "a", "HistoryItemType": "StateUpdate", "StartDate": NOON, "ScanBy": "TimestampAscending"}


def test_changes_come_over_pages_with_states_and_reason() -> None:
    data = {"version": "1.0", "oldState": {"stateValue": "OK"}, "newState": {"stateValue": "ALARM", "stateReason": "7"}}
    first = {"Timestamp": NOON, "HistorySummary": "s", "HistoryData": json.dumps(data)}
    with stubbed("cloudwatch") as (made, stub):
        stub.add_response("describe_alarm_history", {"AlarmHistoryItems": [first], "NextToken": "2"}, HISTORY)
        answer = {"AlarmHistoryItems": [{"Timestamp": NOON, "HistorySummary": "t"}]}
        stub.add_response("describe_alarm_history", answer, {**HISTORY, "NextToken": "2"})
        assert Alarms(made).changes("a", NOON) == [
            AlarmChange(NOON, "OK", "ALARM", "7", "s"), AlarmChange(NOON, "", "", "", "t"),
        ]  # fmt: skip


@pytest.mark.parametrize("data", ["{", "[]", "null", '{"newState": 7}'])
def test_data_of_another_form_leaves_the_summary(data: str) -> None:
    item = {"Timestamp": NOON, "HistorySummary": "s", "HistoryData": data}
    with stubbed("cloudwatch") as (made, stub):
        stub.add_response("describe_alarm_history", {"AlarmHistoryItems": [item]}, HISTORY)
        assert Alarms(made).changes("a", NOON) == [AlarmChange(NOON, "", "", "", "s")]


def test_a_refusal_is_one() -> None:
    with stubbed("cloudwatch") as (made, stub):
        stub.add_client_error("describe_alarm_history", "AccessDenied", "no")
        with pytest.raises(AwsRefusedError):
            Alarms(made).changes("a", NOON)
