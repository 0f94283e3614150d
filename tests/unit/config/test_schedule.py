"""Schedules of crontab in the words of EventBridge Scheduler."""

from __future__ import annotations

import pytest

from opsctl.config.schedule import ScheduleError, expression, is_timezone

SAID = {
    "15 4 * * *": "cron(15 4 * * ? *)",
    "*/5 * * * *": "cron(*/5 * * * ? *)",
    "0 0 1 * *": "cron(0 0 1 * ? *)",
    "0 9 * * 1-5": "cron(0 9 ? * MON,TUE,WED,THU,FRI *)",
    "0 9 * * 0": "cron(0 9 ? * SUN *)",
    "0 9 * * 7": "cron(0 9 ? * SUN *)",
    "0 9 * * 5-7": "cron(0 9 ? * SUN,FRI,SAT *)",
    "0 9 * * mon,WED": "cron(0 9 ? * MON,WED *)",
    "0 9 * * */2": "cron(0 9 ? * SUN,TUE,THU,SAT *)",
    "0 9 * * 0-6": "cron(0 9 * * ? *)",
    "0 9 * jan-mar *": "cron(0 9 * JAN-MAR ? *)",
    "0 0,12 1-15/2 * *": "cron(0 0,12 1-15/2 * ? *)",
    "@daily": "cron(0 0 * * ? *)",
    "@weekly": "cron(0 0 ? * SUN *)",
    "cron(15 4 * * ? *)": "cron(15 4 * * ? *)",
    "rate(1 day)": "rate(1 day)",
    "rate(1 hours)": "rate(1 hour)",  # as Scheduler's guide has it, which knows plurals alone
    "rate(01 minutes)": "rate(1 minute)",
    "at(2026-11-20T13:00:00)": "at(2026-11-20T13:00:00)",
}


@pytest.mark.parametrize("text", SAID)
def test_a_schedule_is_said_in_awss_words(text: str) -> None:
    assert expression(text) == SAID[text]


@pytest.mark.parametrize(
    "text",
    [
        "", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8", "a * * * *",
        "*/0 * * * *", "*/x * * * *", "5-1 * * * *", "0 0 1 * 1", "-5 * * * *", "1.5 * * * *", "@never", "rate(0 days)",
        "rate(1 week)", "rate(day)", "at(tomorrow)", "cron(1 2 3)", "cron(15 4 * * * *)", "cron(15 4 ? * ? *)",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        expression(text)
    assert str(caught.value)


NEAREST = {
    "cron(15 4 * * * *)": "cron(15 4 * * ? *)",
    "cron(15 4 ? * ? *)": "cron(15 4 * * ? *)",
    "cron(0 4 1 * MON *)": "cron(0 4 1 * ? *)",
    "cron(15 4 * * *)": "cron(15 4 * * ? *)",
    "cron(15 4 * * ?)": "cron(15 4 * * ? *)",
    "15 4 * * ? *": "cron(15 4 * * ? *)",
    "15 4 * * * *": "cron(15 4 * * ? *)",
    "cron(99 4 * * ? *)": "cron(59 4 * * ? *)",
    "cron(0 4 * * ? 1969)": "cron(0 4 * * ? 1970)",
    "cron(0 4 ? * 6#6 *)": "cron(0 4 ? * 6#5 *)",
    "cron(0 4 ? * mon#0 *)": "cron(0 4 ? * MON#1 *)",
    "cron(0 4 ? * 9#2 *)": "cron(0 4 ? * * *)",
    "cron(0 4 32W * ? *)": "cron(0 4 31W * ? *)",
    "cron(*/0 * * * ? *)": "cron(*/1 * * * ? *)",
    "60 4 * * *": "59 4 * * *",
    "25 25 * * *": "25 23 * * *",
    "5-1 * * * *": "1-5 * * * *",
    "0 0 1 * 1": "0 0 1 * *",
    "rate(5 day)": "rate(5 days)",
    "rate(0 days)": "rate(1 day)",
    "rate(foo)": "rate(1 day)",
    "rate(90 seconds)": "rate(2 minutes)",
    "rate(1.5 hours)": "rate(90 minutes)",
    "rate(1week)": "rate(7 days)",
    "RATE(2 HOURS)": "rate(2 hours)",
    "at(2026-11-20 13:00)": "at(2026-11-20T13:00:00)",
    "at(2026-11-20T13:00:00Z)": "at(2026-11-20T13:00:00)",
    "every day": None,
    "cron(0 4 ? * 3#1,6#3 *)": None,
}


@pytest.mark.parametrize("text", NEAREST)
def test_the_nearest_schedule_is_told_and_is_one(text: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        expression(text)
    assert caught.value.instead == NEAREST[text]
    if caught.value.instead is not None:
        assert expression(caught.value.instead)


@pytest.mark.parametrize(
    "text",
    [
        "cron(0 4 L * ? *)", "cron(0 4 LW * ? *)", "cron(0 4 15W * ? *)", "cron(0 4 ? * 6#3 *)", "cron(0 4 ? * FRIL *)",
        "cron(0 4 ? * MON-FRI 2026-2030)", "cron(0/5 8-17 ? * 2,4,6 *)", "cron(0 22-2 * * ? *)", "rate(15 minutes)",
        "cron(0 4 1,15 JAN,JUL ? 2199)",
    ],
)  # fmt: skip
def test_what_aws_takes_is_left_as_it_is(text: str) -> None:
    assert expression(text) == text


@pytest.mark.parametrize(
    ("name", "there"),
    [("UTC", True), ("America/Sao_Paulo", True), ("Mars/Base", False), ("../etc", False), ("", False)],
)
def test_time_zones_are_those_of_the_database(name: str, there: bool) -> None:
    assert is_timezone(name) is there
