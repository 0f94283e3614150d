"""Logs of two tasks on the emulator, merged; its FilterLogEvents pages and selects as CloudWatch's does."""

from __future__ import annotations

import time
from typing import Any

import pytest

from opsctl.aws.logs import LogEvent, Logs
from opsctl.operate.tailing import Follower, Where, lines
from tests.functional.local.sandbox import Sandbox
from tests.functional.local.test_local_tasks import image, messages, register, run, wait_until

pytestmark = pytest.mark.emulator
__all__ = ["image"]
SPEAK = "import time; [print(f'{name} {n}', flush=True) or time.sleep(0.2) for n in range(5)]"


def speak(sandbox: Sandbox, image: str, name: str) -> str:
    """A task that says its name five times in a second."""
    return run(sandbox, register(sandbox, image), ["python", "-c", f"name = '{name}'; {SPEAK}"])


def test_two_tasks_are_followed_as_they_write_and_read_again_as_one_log(sandbox: Sandbox, image: str) -> None:
    logs = Logs(sandbox.client("logs"))
    arns = [speak(sandbox, image, name) for name in ("one", "two")]
    where = Where("/tiny/tasks", "job/job/")
    follower = Follower(lambda: logs, lambda _: None, clock=time.time, sleep=time.sleep, seconds=0.1)
    shown: list[LogEvent] = []
    deadline = time.monotonic() + 40
    for page in follower.follow(where):
        shown += page
        if len(shown) >= 10 or time.monotonic() > deadline:
            break
    expected = sorted(f"{name} {number}" for name in ("one", "two") for number in range(5))
    assert sorted(event.message for event in shown) == expected
    assert {event.stream for event in shown} == {f"job/job/{arn.rsplit('/', 1)[-1]}" for arn in arns}
    for arn in arns:
        wait_until(sandbox, arn, "STOPPED")
    read = [event for page in lines(logs, where) for event in page]
    assert [event.time for event in read] == sorted(event.time for event in read)
    assert {event.id for event in read} == {event.id for event in shown}
    only = Where("/tiny/tasks", f"job/job/{arns[0].rsplit('/', 1)[-1][:8]}")
    assert [event.message for page in lines(logs, only) for event in page] == [f"one {number}" for number in range(5)]
    assert {stream.name for stream in logs.list_streams("/tiny/tasks", "job/job/")} == {event.stream for event in read}


def test_an_event_is_a_line_with_all_states_of_a_progress_bar(sandbox: Sandbox, image: str) -> None:
    said = ["one\r", "10%\r 50%\r100%", "", "a\u2028b\x0cc"]
    code = f"import sys; sys.stdout.buffer.write({chr(10).join([*said, '']).encode()!r})"
    arn = run(sandbox, register(sandbox, image), ["python", "-c", code])
    wait_until(sandbox, arn, "STOPPED")
    deadline = time.monotonic() + 10
    while len(messages(sandbox, arn)) < len(said) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert messages(sandbox, arn) == said


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Any:
    client = sandbox.client("logs")
    client.create_log_group(logGroupName="/many")
    now = int(time.time() * 1000) - 1_000_000
    for stream in ("a/a/1", "a/a/2", "b/b/3"):
        client.create_log_stream(logGroupName="/many", logStreamName=stream)
        for first in range(0, 12_000, 4_000):
            # Sixty of a stream share a millisecond.
            events = [{"timestamp": now + n // 60, "message": f"{stream} {n}"} for n in range(first, first + 4_000)]
            client.put_log_events(logGroupName="/many", logStreamName=stream, logEvents=events)
    return client


def test_more_lines_than_a_page_holds_are_read_whole_in_order_and_each_once(client: Any) -> None:
    begun = time.monotonic()
    pages = list(lines(Logs(client), Where("/many", "a/a/")))
    read = [event for page in pages for event in page]
    assert len(pages) > 1
    assert len({event.id for event in read}) == len(read) == 24_000
    assert {event.stream for event in read} == {"a/a/1", "a/a/2"}
    assert [event.time for event in read] == sorted(event.time for event in read)
    assert time.monotonic() - begun < 20


def test_small_pages_lose_nothing_of_one_millisecond(client: Any) -> None:
    request = {"logGroupName": "/many", "logStreamNames": ["b/b/3"], "limit": 7}
    first = client.filter_log_events(**request)["events"][0]["timestamp"]
    request |= {"startTime": first, "endTime": first + 2}
    found, token = [], None
    while True:
        answer = client.filter_log_events(**request, **({"nextToken": token} if token else {}))
        found += [each["message"] for each in answer["events"]]
        if (token := answer.get("nextToken")) is None:
            break
    assert found == [f"b/b/3 {number}" for number in range(180)]


def test_a_prefix_that_no_stream_has_finds_nothing_and_a_missing_group_is_an_error(client: Any) -> None:
    assert client.filter_log_events(logGroupName="/many", logStreamNamePrefix="c/")["events"] == []
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.filter_log_events(logGroupName="/none")
