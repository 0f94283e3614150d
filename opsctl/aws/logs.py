"""CloudWatch Logs: the lines of one stream, and how long a group keeps them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines in order of time, and the token that continues after them."""

    lines: tuple[str, ...]
    token: str | None


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line of a group. `time` in milliseconds since 1970, as its writer's clock had it; `id` is the event's own."""

    id: str
    time: int
    stream: str
    message: str


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events in order of time, and the token that continues after them; None at the end."""

    events: tuple[LogEvent, ...]
    token: str | None


@dataclass(frozen=True, slots=True)
class LogStream:
    """A stream. `made` and `last`, its newest event's, in milliseconds; CloudWatch may tell `last` an hour late."""

    name: str
    made: int
    last: int


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A group's retention in days (None: without end) and the ARN of its customer key."""

    days: int | None
    key: str | None


class Logs:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def page(self, group: str, stream: str, token: str | None = None) -> LogPage:
        """The next page of a stream from its start; no lines while the stream does not exist yet.

        An empty page is not the end: that is a token which comes back as it was sent. [API GetLogEvents]
        """
        extra = {"nextToken": token} if token else {}
        try:
            with translated():
                answer = self._client.get_log_events(
                    logGroupName=group, logStreamName=stream, startFromHead=True, **extra
                )
        except AwsError as error:
            if error.aws_code == "ResourceNotFoundException":
                return LogPage((), token)
            raise
        lines = tuple(str(event["message"]).rstrip("\n") for event in answer["events"])
        return LogPage(lines, answer.get("nextForwardToken", token))

    def tail(self, group: str, stream: str, count: int = 20) -> tuple[str, ...]:
        """The last lines of a stream; none when it does not exist."""
        lines: tuple[str, ...] = ()
        request: dict[str, Any] = {"startFromHead": False, "limit": count}
        try:
            while len(lines) < count:
                with translated():
                    answer = self._client.get_log_events(logGroupName=group, logStreamName=stream, **request)
                lines = (*(str(event["message"]).rstrip("\n") for event in answer["events"]), *lines)
                before = answer.get("nextBackwardToken")
                # Backwards as forwards: an empty page is not the end, the same token again is. [API GetLogEvents]
                if before is None or before == request.get("nextToken"):
                    break
                request["nextToken"] = before
        except AwsError as error:
            if error.aws_code == "ResourceNotFoundException":
                return ()
            raise
        return lines[-count:]

    def since(self, group: str, start: datetime, count: int = 20) -> tuple[str, ...]:
        """The last lines that any stream of a group got since `start`; none when the group does not exist."""
        lines: deque[str] = deque(maxlen=count)
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(start.timestamp() * 1000)
        )
        try:
            with translated():
                for page in pages:
                    lines.extend(str(event["message"]).rstrip("\n") for event in page["events"])
        except AwsError as error:
            if error.aws_code == "ResourceNotFoundException":
                return ()
            raise
        return tuple(lines)

    def events(
        self, group: str, *, start: int | None, prefix: str = "", streams: Sequence[str] = (), token: str | None = None
    ) -> EventPage:
        """A page of what streams got since `start` (milliseconds), merged by time: those named, at most 100, or those
        whose names begin with `prefix`.

        A page may be empty and not the last; only one without a token is. [API FilterLogEvents]
        """
        request: dict[str, Any] = {"logGroupName": group}
        if start is not None:
            request["startTime"] = max(start, 0)
        if streams:
            request["logStreamNames"] = list(streams)
        elif prefix:
            request["logStreamNamePrefix"] = prefix
        if token:
            request["nextToken"] = token
        with translated():
            answer = self._client.filter_log_events(**request)
        events = tuple(
            LogEvent(item["eventId"], item["timestamp"], item["logStreamName"], item["message"])
            for item in answer["events"]
        )
        return EventPage(events, answer.get("nextToken"))

    def list_streams(self, group: str, prefix: str = "") -> list[LogStream]:
        """Streams whose names begin so; those without an event yet count as last written when they were made."""
        which = {"logStreamNamePrefix": prefix} if prefix else {}
        pages = self._client.get_paginator("describe_log_streams").paginate(logGroupName=group, **which)
        with translated():
            return [
                LogStream(
                    item["logStreamName"], item["creationTime"], item.get("lastEventTimestamp", item["creationTime"])
                )
                for page in pages
                for item in page["logStreams"]
            ]

    def groups(self, prefix: str) -> dict[str, LogGroup]:
        """Groups whose names start so, by name."""
        pages = self._client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
        with translated():
            return {
                str(item["logGroupName"]): LogGroup(item.get("retentionInDays"), item.get("kmsKeyId"))
                for page in pages
                for item in page["logGroups"]
            }

    def create_group(self, name: str, key: str | None) -> None:
        """Make a group, under a customer key if one is given; one that is there already is left as it is."""
        extra = {"kmsKeyId": key} if key else {}
        try:
            with translated():
                self._client.create_log_group(logGroupName=name, **extra)
        except AwsError as error:
            if error.aws_code != "ResourceAlreadyExistsException":
                raise

    def keep_days(self, name: str, days: int) -> None:
        """From now on lines of the group go after this many days, those that are there too."""
        with translated():
            self._client.put_retention_policy(logGroupName=name, retentionInDays=days)

    def encrypt_group(self, name: str, key: str | None) -> None:
        """From now on lines are encrypted under this key; None stands for AWS's own."""
        with translated():
            if key is None:
                self._client.disassociate_kms_key(logGroupName=name)
            else:
                self._client.associate_kms_key(logGroupName=name, kmsKeyId=key)

    def delete_group(self, name: str) -> None:
        """Delete a group and its lines; one that is gone already is as good."""
        try:
            with translated():
                self._client.delete_log_group(logGroupName=name)
        except AwsError as error:
            if error.aws_code != "ResourceNotFoundException":
                raise
