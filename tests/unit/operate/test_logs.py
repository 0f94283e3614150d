"""Which streams of an environment a person means, and their lines."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opsctl.aws.ecs import Task
from opsctl.aws.errors import AwsError
from opsctl.deploy.events import Event, Note
from opsctl.errors import ExitCode, OpsctlError, UsageError
from opsctl.operate.logs import Line, Wanted, read
from opsctl.operate.since import since

from .shop import Shop

NOW = int(time.time())
DAY = 86_400
SERVICE = "dev-shop-acme dev-shop-acme-service"
NOON = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def lines(shop: Shop, wanted: Wanted, told: list[Event] | None = None) -> list[Line]:
    emit = (told if told is not None else []).append
    return [line for page in read(shop.target, wanted, emit) for line in page]


def said(shop: Shop, wanted: Wanted) -> list[str]:
    return [line.message for line in lines(shop, wanted)]


def notes(told: list[Event]) -> list[str]:
    return [event.text for event in told if isinstance(event, Note)]


@pytest.mark.parametrize(
    ("process", "group", "prefix"),
    [
        ("web", "/dev/service", "service/service/"),
        ("release", "/dev/jobs", "migrate/migrate/"),
        ("mail", "/dev/workers", "mail/mail/"),
        ("tidy", "/dev/jobs", "tidy/tidy/"),
        ("db-init", "/dev/db-init", ""),
    ],
)
def test_every_process_has_its_streams(shop: Shop, process: str, group: str, prefix: str) -> None:
    lines(shop, Wanted(process))
    (asked,) = shop.logs.asked
    assert (asked[0], asked[2], asked[3]) == (group, prefix, ())
    assert abs((asked[1] or 0) / 1000 - (time.time() - 3600)) < 60


def test_lines_of_all_tasks_come_in_order_of_time_with_their_task(shop: Shop) -> None:
    shop.logs.write("/dev/service", "service/service/a1", NOW - 60, "one", "three\n")
    shop.logs.write("/dev/service", "service/service/b2", NOW - 60, "two")
    shop.logs.write("/dev/service", "other/other/c3", NOW - 60, "not mine")
    shop.logs.write("/dev/service", "service/service/a1", NOW - 2 * DAY, "long ago")
    found = lines(shop, Wanted())
    assert [(line.task, line.message) for line in found] == [("a1", "one"), ("b2", "two"), ("a1", "three")]
    assert found[0].time == datetime.fromtimestamp(NOW - 60, UTC)
    assert len(lines(shop, Wanted(since="3d"))) == 4


def test_a_line_of_the_function_names_the_instance(shop: Shop) -> None:
    shop.logs.write("/dev/db-init", "2026/11/29/[$LATEST]0123abcd", NOW - 9, "START")
    assert lines(shop, Wanted("db-init"))[0].task == "0123abcd"


def test_json_has_the_fields_of_a_json_line_only() -> None:
    line = Line(datetime(2026, 11, 29, 1, 2, 3, 4567, tzinfo=UTC), "a", "web", '{"message": "no", "n": 1}')
    told = {"time": "2026-11-29T01:02:03.004+00:00", "task": "a", "process": "web", "message": line.message}
    assert line.to_dict() == {**told, "fields": {"message": "no", "n": 1}}
    assert "fields" not in Line(line.time, "a", "web", "text").to_dict()


def test_a_pattern_looks_at_lines_as_written_and_as_shown(shop: Shop) -> None:
    text = '{"level": "ERROR", "message": "caf\\u00e9"}'
    shop.logs.write("/dev/service", "service/service/a", NOW - 60, text, "plain 42", "other")
    assert said(shop, Wanted(pattern="café")) == [text]
    assert said(shop, Wanted(pattern='"level": "ERR')) == [text]
    assert said(shop, Wanted(pattern=r"^plain \d+$")) == ["plain 42"]


def test_nothing_found_is_said_with_what_was_looked_for(shop: Shop) -> None:
    told: list[Event] = []
    assert lines(shop, Wanted(pattern="x"), told) == []
    assert notes(told)[0].startswith("web wrote nothing that matches `x` since 20")
    assert notes(told)[0].endswith("; --since 1d goes back further.")


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(follow=True), Wanted(task="a")])
def test_a_deleted_group_is_named_with_the_way_to_have_it_back(shop: Shop, wanted: Wanted) -> None:
    gone = AwsError(
        "FilterLogEvents failed: The specified log group does not exist.", aws_code="ResourceNotFoundException"
    )

    def events(*_: object, **__: object) -> None:
        raise gone

    shop.logs.events = events  # type: ignore[assignment,method-assign]
    with pytest.raises(OpsctlError, match="The log group of web, /dev/service, is not there") as caught:
        lines(shop, wanted)
    assert "opsctl drift platform --revert" in caught.value.hint


def test_a_task_that_there_is_not_is_named_instead_of_its_process(shop: Shop) -> None:
    told: list[Event] = []
    assert lines(shop, Wanted(task="feedbeef"), told) == []
    assert notes(told)[-1] == "A task `feedbeef…` of web wrote nothing that is still kept."


def test_one_task_is_named_by_the_beginning_of_its_id_or_its_arn(shop: Shop) -> None:
    shop.logs.write("/dev/service", "service/service/3fa92b1c00", NOW - 9 * DAY, "old")
    shop.logs.write("/dev/service", "service/service/3fb0000000", NOW, "other")
    assert said(shop, Wanted(task="3fa9")) == ["old"]
    assert said(shop, Wanted(task="arn:aws:ecs:us-east-1:1:task/dev/3fa92b1c00")) == ["old"]


def stopped(name: str, code: int = 1, digest: str = "", service: str = "dev-shop") -> Task:
    return Task(
        f"arn/{name}",
        "STOPPED",
        "EssentialContainerExited",
        "",
        code,
        image=digest,
        group=f"service:{service}" if service else "family:x",
    )


def test_the_previous_task_is_the_one_that_stopped_last(shop: Shop) -> None:
    one_off = stopped("command", service="")
    shop.tasks[SERVICE] = [Task("arn/now", "RUNNING"), one_off, stopped("last"), stopped("before", 0)]
    for name in ("before", "last", "command", "now"):
        shop.logs.write("/dev/service", f"service/service/{name}", NOW - 9 * DAY, name)
    told: list[Event] = []
    assert [line.message for line in lines(shop, Wanted(previous=True), told)] == ["last"]
    assert notes(told) == ["Task last stopped: exit code 1."]


def test_when_ecs_has_forgotten_it_the_previous_task_is_the_one_that_wrote_last_and_does_not_run(shop: Shop) -> None:
    shop.tasks[SERVICE] = [Task("arn/now", "RUNNING")]
    for days, name in ((9, "zz-before"), (3, "last"), (1, "now")):
        shop.logs.write("/dev/service", f"service/service/{name}", NOW - days * DAY, name)
    assert said(shop, Wanted(previous=True)) == ["last"]


def test_a_previous_task_that_wrote_nothing_is_no_reason_to_show_another(shop: Shop) -> None:
    shop.tasks[SERVICE] = [Task("arn/x", "STOPPED", "TaskFailedToStart", "CannotPull: no", group="service:s")]
    shop.logs.write("/dev/service", "service/service/old", NOW, "old")
    told: list[Event] = []
    with pytest.raises(OpsctlError, match="wrote nothing"):
        lines(shop, Wanted(previous=True), told)
    assert notes(told) == ["Task x stopped: TaskFailedToStart: CannotPull: no."]


def test_without_a_stopped_task_there_is_no_previous(shop: Shop) -> None:
    shop.tasks[SERVICE] = [Task("arn/now", "RUNNING")]
    shop.logs.write("/dev/service", "service/service/now", NOW, "now")
    with pytest.raises(OpsctlError, match="No task of web has stopped"):
        lines(shop, Wanted(previous=True))


def test_tasks_of_a_release_are_told_by_their_image_then_by_when_they_began(shop: Shop) -> None:
    """Two was taken back by three, which ran the image of one again."""
    for number, hour, digest in ((1, 12, "sha256:a"), (2, 13, "sha256:b"), (3, 14, "sha256:a")):
        shop.release(number, f"20261101-{hour}0000", digest)
    for name, hour in (("early", 11), ("one", 12), ("two", 13), ("late", 13), ("three", 14)):
        shop.logs.write("/dev/service", f"service/service/{name}", NOON + (hour - 12) * 3600 + 60, name)
    # Of the release before, though it began in the time of another.
    shop.tasks[SERVICE] = [Task("arn/late", "RUNNING", image="sha256:a"), stopped("three", digest="sha256:b")]
    told: list[Event] = []
    found = [line.message for line in lines(shop, Wanted(release=1), told)]
    assert found == ["one", "late"]
    assert "1 of 2 tasks" in notes(told)[0]
    assert said(shop, Wanted(release=2)) == ["two", "three"]
    assert said(shop, Wanted(release=3)) == found


def test_a_release_that_there_is_not_and_one_without_lines(shop: Shop) -> None:
    with pytest.raises(UsageError, match="no release 1"):
        lines(shop, Wanted(release=1))
    shop.release(1, "20261101-120000", "sha256:a")
    with pytest.raises(OpsctlError, match="has left a log"):
        lines(shop, Wanted(release=1))
    with pytest.raises(UsageError) as raised:
        lines(shop, Wanted(release=7))
    assert raised.value.hint == "The newest is 1."


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted("wbe"), "Did you mean `web`? There are web, release, mail, tidy, db-init."),
        (Wanted("x"), "`x`. There are web"),
        (Wanted(pattern="("), "not a regular expression: missing )"),
        (Wanted(task="../x y"), "no id of a task"),
        (Wanted(since="soon"), "--since"),
        (Wanted(task="a", previous=True), "--task and --previous"),
        (Wanted("db-init", previous=True), "has no tasks"),
        (Wanted(previous=True, follow=True), "tasks of the past"),
        (Wanted(release=1, follow=True), "tasks of the past"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused_before_aws_is_asked(shop: Shop, wanted: Wanted, words: str) -> None:
    shop.deployed = False
    with pytest.raises(UsageError) as raised:
        lines(shop, wanted)
    assert words in str(raised.value)
    assert raised.value.exit_code == ExitCode.USAGE


def test_what_is_not_deployed_says_so(shop: Shop) -> None:
    shop.deployed = False
    with pytest.raises(OpsctlError, match="not deployed"):
        lines(shop, Wanted())


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3600), ("2d", 2 * DAY), ("1w", 7 * DAY), ("0s", 0)]
)
def test_a_time_ago(text: str, seconds: int) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert since(text, now) == now - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-11-29T10:00", 10), ("2026-11-29 10:00:00Z", 10), ("2026-11-29T10:00+02:00", 8), ("2026-11-29", 0)],
)
def test_a_moment(text: str, hour: int) -> None:
    assert since(text, datetime(2026, 11, 29, 12, tzinfo=UTC)) == datetime(2026, 11, 29, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "1", "h", "-1h", "1 h", "1y", "2026-13-01", "99999999999d", "2026-11-29T13:00", "0001-01-01T00:00+14:00"],
)
def test_no_time(text: str) -> None:
    with pytest.raises(UsageError):
        since(text, datetime(2026, 11, 29, 12, tzinfo=UTC))
