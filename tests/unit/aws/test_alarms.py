"""CloudWatch: the alarms of an environment, page by page."""

from __future__ import annotations

from datetime import UTC, datetime

from opsctl.aws.alarms import Alarm, Alarms

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
