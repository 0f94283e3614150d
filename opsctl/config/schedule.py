"""Schedules: five fields as in crontab, or the forms of EventBridge Scheduler, which is what AWS takes."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_AWS = re.compile(r"(cron|rate|at)\((.+)\)")
_RATE = re.compile(r"[1-9]\d{0,8} (minute|minutes|hour|hours|day|days)")
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class ScheduleError(ValueError):
    """What is wrong, as the end of a sentence."""


def expression(text: str) -> str:
    """The schedule in EventBridge Scheduler's words. Raises ScheduleError.

    A day of the week counts from 0 (Sunday) in crontab and from 1 there; of the two fields for days one has to be `?`.
    [Scheduler UG, schedule-types]
    """
    found = _AWS.fullmatch(text.strip())
    if found is not None:
        return _checked(found[1], found[2])
    fields = _MACROS.get(text.strip(), text).split()
    if len(fields) != 5:
        raise ScheduleError(f"has {len(fields)} fields, and crontab's schedules have five")
    minute, hour, day, month, weekday = fields
    minute, hour = _numbers(minute, 0, 59, "minute"), _numbers(hour, 0, 23, "hour")
    day, month = _numbers(day, 1, 31, "day of the month"), _numbers(month, 1, 12, "month", _MONTHS)
    weekdays = _weekdays(weekday)
    if day != "*" and weekdays != "*":
        raise ScheduleError(
            "names days of the month and of the week, which crontab takes as either and AWS can't say in one schedule"
        )
    days = ("?", weekdays) if weekdays != "*" else (day, "?")
    return f"cron({minute} {hour} {days[0]} {month} {days[1]} *)"


def is_timezone(name: str) -> bool:
    """Whether this is a name of the IANA database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such name, or one that no file could have
        return False
    return True


def _checked(kind: str, inside: str) -> str:
    if kind == "rate" and not _RATE.fullmatch(inside):
        raise ScheduleError(f"is no rate such as rate(1 day): `{inside}`")
    if kind == "at" and not _AT.fullmatch(inside):
        raise ScheduleError(f"is no time such as at(2026-11-20T13:00:00): `{inside}`")
    fields = inside.split()
    if kind == "cron":
        if len(fields) != 6:
            raise ScheduleError(f"has {len(fields)} fields in cron(…), and AWS's have six")
        if (fields[2] == "?") == (fields[4] == "?"):
            raise ScheduleError("needs `?` for exactly one of day of the month and day of the week")
    return f"{kind}({inside})"


def _numbers(text: str, low: int, high: int, what: str, names: tuple[str, ...] = ()) -> str:
    """A field of numbers, lists, ranges and steps as it is; AWS writes these alike."""
    for part in text.split(","):
        _range(part, low, high, what, names)
    return text.upper()


def _range(part: str, low: int, high: int, what: str, names: tuple[str, ...]) -> tuple[int, int, int]:
    """First, last and step of one part of a field."""
    span, _, step = part.partition("/")
    if "/" in part and not (step.isdecimal() and int(step) > 0):
        raise ScheduleError(f"has the {what} `{part}`, whose step is no number above 0")
    first, dash, last = span.partition("-")
    if span == "*":
        return low, high, int(step or 1)
    start = _value(first, low, high, what, names)
    end = _value(last, low, high, what, names) if dash else (high if step else start)
    if end < start:
        raise ScheduleError(f"has the {what} `{part}`, whose end is before its start")
    return start, end, int(step or 1)


def _value(text: str, low: int, high: int, what: str, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + low
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ScheduleError(f"has the {what} `{text}`, and these go from {low} to {high}")
    return int(text)


def _weekdays(text: str) -> str:
    """Days of the week by name, so that nobody has to know where the counting starts."""
    if text in {"*", "?"}:
        return "*"
    days: set[int] = set()
    for part in text.split(","):
        first, last, step = _range(part, 0, 7, "day of the week", _DAYS)
        days |= {day % 7 for day in range(first, last + 1, step)}
    if len(days) == len(_DAYS):
        return "*"
    return ",".join(_DAYS[day] for day in sorted(days))
