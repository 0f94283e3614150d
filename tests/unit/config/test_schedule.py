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


@pytest.mark.parametrize(
    ("name", "there"),
    [("UTC", True), ("America/Sao_Paulo", True), ("Mars/Base", False), ("../etc", False), ("", False)],
)
def test_time_zones_are_those_of_the_database(name: str, there: bool) -> None:
    assert is_timezone(name) is there
