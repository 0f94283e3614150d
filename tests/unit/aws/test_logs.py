"""CloudWatch Logs: lines of a stream, and streams that do not exist yet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.logs import EventPage, LogEvent, LogGroup, LogPage, Logs, LogStream

from .clients import client, stubbed


@pytest.fixture
def stream() -> Iterator[Any]:
    with mock_aws():
        made = client("logs")
        made.create_log_group(logGroupName="jobs")
        made.create_log_stream(logGroupName="jobs", logStreamName="migrate/migrate/1")
        yield made


def write(made: Any, *lines: str) -> None:
    now = int(time.time() * 1000)  # CloudWatch refuses what is older than its retention
    events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
    made.put_log_events(logGroupName="jobs", logStreamName="migrate/migrate/1", logEvents=events)


def test_lines_come_in_order_without_their_ends_and_the_token_goes_on_after_them() -> None:
    answer = {"events": [{"message": "one\n"}, {"message": "two"}], "nextForwardToken": "f/2"}
    sent = {"logGroupName": "jobs", "logStreamName": "s", "startFromHead": True}
    with stubbed("logs") as (made, stub):
        stub.add_response("get_log_events", answer, sent)
        stub.add_response("get_log_events", {"events": [], "nextForwardToken": "f/2"}, {**sent, "nextToken": "f/2"})
        logs = Logs(made)
        assert logs.page("jobs", "s") == LogPage(("one", "two"), "f/2")
        assert logs.page("jobs", "s", "f/2") == LogPage((), "f/2")


def test_a_stream_is_read_whole(stream: Any) -> None:
    write(stream, "one", "two", "three")
    assert Logs(stream).page("jobs", "migrate/migrate/1").lines == ("one", "two", "three")


@pytest.mark.parametrize(("group", "name"), [("jobs", "migrate/migrate/2"), ("no-such-group", "x")])
def test_a_stream_or_group_that_is_not_there_yet_has_no_lines(stream: Any, group: str, name: str) -> None:
    assert Logs(stream).page(group, name, None) == LogPage((), None)
    assert Logs(stream).page(group, name, "f/1") == LogPage((), "f/1")
    assert Logs(stream).tail(group, name) == ()


def test_the_tail_holds_the_last_lines(stream: Any) -> None:
    write(stream, *(f"line {number}" for number in range(30)))
    assert Logs(stream).tail("jobs", "migrate/migrate/1", 3) == ("line 27", "line 28", "line 29")


def events(*texts: str) -> list[dict[str, Any]]:
    return [{"timestamp": 0, "message": text, "ingestionTime": 0} for text in texts]


def test_a_tail_goes_back_over_empty_pages_until_it_has_enough() -> None:
    """An empty page is not the end of a stream."""
    with stubbed("logs") as (made, stub):
        stub.add_response("get_log_events", {"events": [], "nextBackwardToken": "b1"})
        stub.add_response("get_log_events", {"events": events("two", "three"), "nextBackwardToken": "b2"})
        stub.add_response("get_log_events", {"events": events("zero", "one"), "nextBackwardToken": "b3"})
        assert Logs(made).tail("jobs", "s", 3) == ("one", "two", "three")


def test_a_tail_ends_where_the_token_comes_back() -> None:
    with stubbed("logs") as (made, stub):
        stub.add_response("get_log_events", {"events": events("one"), "nextBackwardToken": "b1"})
        stub.add_response("get_log_events", {"events": [], "nextBackwardToken": "b1"})
        assert Logs(made).tail("jobs", "s", 3) == ("one",)


def test_what_was_written_since_is_read_to_its_newest_lines_over_empty_pages() -> None:
    with stubbed("logs") as (made, stub):
        stub.add_response("filter_log_events", {"events": events("old"), "nextToken": "1"})
        stub.add_response("filter_log_events", {"events": [], "nextToken": "2"})
        stub.add_response("filter_log_events", {"events": events(*map(str, range(1500)))})
        assert Logs(made).since("functions", datetime(2026, 1, 1, tzinfo=UTC), 2) == ("1498", "1499")


def test_a_log_that_may_not_be_read_is_an_error() -> None:
    with stubbed("logs") as (made, stub):
        stub.add_client_error("get_log_events", "AccessDeniedException", "no")
        stub.add_client_error("get_log_events", "AccessDeniedException", "no")
        with pytest.raises(AwsRefusedError):
            Logs(made).page("jobs", "s")
        with pytest.raises(AwsRefusedError):
            Logs(made).tail("jobs", "s")


@mock_aws
def test_a_group_is_made_with_an_end_read_back_and_deleted() -> None:
    logs = Logs(client("logs"))
    logs.create_group("/aws/rds/instance/db-1/postgresql", None)
    logs.create_group("/aws/rds/instance/db-1/postgresql", None)
    logs.keep_days("/aws/rds/instance/db-1/postgresql", 14)
    assert logs.groups("/aws/rds/instance/db-1/") == {"/aws/rds/instance/db-1/postgresql": LogGroup(14, None)}
    logs.delete_group("/aws/rds/instance/db-1/postgresql")
    logs.delete_group("/aws/rds/instance/db-1/postgresql")
    assert logs.groups("/aws/rds/instance/") == {}


@mock_aws
def test_a_group_made_with_a_key_has_it() -> None:
    logs = Logs(client("logs"))
    logs.create_group("group", "arn:aws:kms:us-east-1:123456789012:key/1")
    assert logs.groups("group") == {"group": LogGroup(None, "arn:aws:kms:us-east-1:123456789012:key/1")}


@pytest.mark.parametrize(
    ("key", "operation", "sent"),
    [
        ("arn:key", "associate_kms_key", {"logGroupName": "group", "kmsKeyId": "arn:key"}),
        (None, "disassociate_kms_key", {"logGroupName": "group"}),
    ],
)
def test_a_group_changes_its_key(key: str | None, operation: str, sent: dict[str, str]) -> None:
    with stubbed("logs") as (made, stub):
        stub.add_response(operation, {}, sent)
        Logs(made).encrypt_group("group", key)


@pytest.mark.parametrize("operation", ["create_log_group", "delete_log_group"])
def test_a_group_that_may_not_be_touched_is_refused(operation: str) -> None:
    with stubbed("logs") as (made, stub):
        stub.add_client_error(operation, "AccessDeniedException", "no")
        logs = Logs(made)
        with pytest.raises(AwsRefusedError):
            logs.create_group("group", None) if operation == "create_log_group" else logs.delete_group("group")


def test_events_of_streams_come_by_prefix_or_name_with_their_ids_and_an_empty_page_is_not_the_end() -> None:
    event = {"eventId": "7", "timestamp": 1000, "logStreamName": "a/a/1", "message": "one\n", "ingestionTime": 2}
    asked = {"logGroupName": "g", "startTime": 5}
    with stubbed("logs") as (made, stub):
        stub.add_response("filter_log_events", {"events": [event]}, {**asked, "logStreamNamePrefix": "a/a/"})
        stub.add_response("filter_log_events", {"events": [], "nextToken": "2"}, {**asked, "logStreamNames": ["s"]})
        stub.add_response("filter_log_events", {"events": []}, {"logGroupName": "g", "nextToken": "2"})
        stub.add_client_error("filter_log_events", "ThrottlingException", "slow")
        logs = Logs(made)
        assert logs.events("g", start=5, prefix="a/a/") == EventPage((LogEvent("7", 1000, "a/a/1", "one\n"),), None)
        assert logs.events("g", start=5, prefix="a/a/", streams=("s",)) == EventPage((), "2")
        assert logs.events("g", start=None, token="2") == EventPage((), None)
        with pytest.raises(AwsError) as raised:
            logs.events("g", start=None)
        assert raised.value.may_pass


def test_streams_are_listed_over_pages_those_without_an_event_too() -> None:
    first = {"logStreamName": "a/a/1", "creationTime": 5, "lastEventTimestamp": 9}
    with stubbed("logs") as (made, stub):
        sent = {"logGroupName": "g", "logStreamNamePrefix": "a/a/"}
        stub.add_response("describe_log_streams", {"logStreams": [first], "nextToken": "2"}, sent)
        second = {"logStreamName": "a/a/2", "creationTime": 6}
        stub.add_response("describe_log_streams", {"logStreams": [second]}, {**sent, "nextToken": "2"})
        assert Logs(made).list_streams("g", "a/a/") == [LogStream("a/a/1", 5, 9), LogStream("a/a/2", 6, 6)]
