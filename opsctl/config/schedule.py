"""Schedules: five fields as in crontab, or the forms of EventBridge Scheduler, which is what AWS takes."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple
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
_AWS = re.compile(r"(cron|rate|at)\((.*)\)", re.IGNORECASE)
_RATE = re.compile(r"(\d{1,9}) (minutes?|hours?|days?)")
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_MINUTES = {"second": 1 / 60, "minute": 1, "min": 1, "hour": 60, "day": 1440, "week": 10_080}


class _Field(NamedTuple):
    """What a field takes: numbers, names for them, and in AWS's schedules further forms."""

    what: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    first_name: int = 0
    special: tuple[str, ...] = ()
    wraps: bool = False


_CRONTAB = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    _Field("day of the week", 0, 7, _DAYS),
)
# `L` is the last, `15W` the weekday nearest to the 15th, `6#3` the third Friday. [EventBridge UG, cron] Ranges may go
# beyond the end, as far as anyone says.
_AWS_FIELDS = (
    _Field("minute", 0, 59, wraps=True),
    _Field("hour", 0, 23, wraps=True),
    _Field("day of the month", 1, 31, special=(r"\?", r"LW?", r"L-\d{1,2}", r"([1-9]|[12]\d|3[01])W"), wraps=True),
    _Field("month", 1, 12, _MONTHS, 1, wraps=True),
    _Field(
        "day of the week", 1, 7, _DAYS, 1,
        special=(r"\?", r"([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)?L", r"([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5]"),
        wraps=True,
    ),
    _Field("year", 1970, 2199, wraps=True),
)  # fmt: skip


class ScheduleError(ValueError):
    """What is wrong, as the end of a sentence; `instead` is the nearest schedule that AWS takes, where there is one."""

    def __init__(self, what: str, instead: str | None = None) -> None:
        super().__init__(what)
        self.instead = instead


class _FieldError(ValueError):
    """A part of a field that is wrong, and what would be right."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what)
        self.instead = instead


def expression(text: str) -> str:
    """The schedule in EventBridge Scheduler's words. Raises ScheduleError.

    A day of the week counts from 0 (Sunday) in crontab and from 1 there; of the two fields for days one has to be `?`.
    [Scheduler UG, schedule-types]
    """
    found = _AWS.fullmatch(text.strip())
    if found is not None:
        return _checked(found[1].lower(), found[2].strip())
    fields = _MACROS.get(text.strip(), text).split()
    if len(fields) != 5:
        instead = _nearest(f"cron({' '.join(fields)})") if len(fields) == 6 else None
        raise ScheduleError(f"has {len(fields)} fields, and crontab's schedules have five", instead)
    minute, hour, day, month = (_each(fields, index, _CRONTAB[index], "{}") for index in range(4))
    weekdays = _weekdays(fields)
    if day != "*" and weekdays != "*":
        raise ScheduleError(
            "names days of the month and of the week, which crontab takes as either and AWS can't say in one schedule",
            f"{minute} {hour} {day} {month} *",
        )
    days = ("?", weekdays) if weekdays != "*" else (day, "?")
    return f"cron({minute} {hour} {days[0]} {month} {days[1]} *)"


def _nearest(text: str) -> str | None:
    """`text` where AWS takes it, else what is nearest to it."""
    try:
        return expression(text)
    except ScheduleError as error:
        return error.instead


def is_timezone(name: str) -> bool:
    """Whether this is a name of the IANA database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such name, or one that no file could have
        return False
    return True


def _checked(kind: str, inside: str) -> str:
    if kind == "rate":
        return _rate(inside)
    return _cron(inside) if kind == "cron" else _at(inside)


def _rate(inside: str) -> str:
    """A whole number above 0 and a unit. Scheduler's guide knows plurals alone, so people write `1 hours`; its API
    names the singular as well, which is written for 1. [Scheduler UG, schedule-types; API CreateSchedule]
    """
    found = _RATE.fullmatch(inside)
    number = int(found[1]) if found is not None else 0
    if found is not None and number > 0 and (number == 1 or found[2].endswith("s")):
        return f"rate({number} {found[2].rstrip('s')}{'' if number == 1 else 's'})"
    raise ScheduleError(f"is no rate such as rate(1 day): `{inside}`", _nearest_rate(inside))


def _nearest_rate(inside: str) -> str:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)?\s*([a-z]+)", inside.lower())
    minutes = _MINUTES.get(found[2].removesuffix("s")) if found else None
    if found is None or minutes is None:
        return "rate(1 day)"
    total = max(1, round(float(found[1] or 1) * minutes)) if float(found[1] or 1) else minutes
    unit = next(unit for unit in ("day", "hour", "minute") if total % _MINUTES[unit] == 0)
    count = total // int(_MINUTES[unit])
    return f"rate({count} {unit}{'' if count == 1 else 's'})"


def _at(inside: str) -> str:
    """One time, without a zone: that is `timezone`."""
    shape = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?", inside)
    near = f"at({shape[1]}T{shape[2]}{shape[3] or ':00'})" if shape else "at(2027-01-31T13:00:00)"
    try:
        if _AT.fullmatch(inside):
            datetime.fromisoformat(inside)
            return f"at({inside})"
    except ValueError as error:
        raise ScheduleError(f"is no time that there is: {error}", "at(2027-01-31T13:00:00)") from None
    raise ScheduleError(f"is no time such as at(2027-01-31T13:00:00): `{inside}`", near)


def _cron(inside: str) -> str:
    fields = inside.split()
    if len(fields) != 6:
        raise ScheduleError(f"has {len(fields)} fields in cron(…), and AWS's have six", _with_six(fields))
    for index, kind in enumerate(_AWS_FIELDS):
        _each(fields, index, kind, "cron({})")
    day, weekday = fields[2], fields[4]
    if (day == "?") == (weekday == "?"):
        plain = [*fields]
        if day in {"*", "?"}:
            plain[2], plain[4] = ("*", "?") if weekday in {"*", "?"} else ("?", weekday)
        else:
            plain[4] = "?"
        raise ScheduleError(
            "needs `?` for exactly one of day of the month and day of the week", f"cron({' '.join(plain)})"
        )
    return f"cron({' '.join(fields)})"


def _with_six(fields: list[str]) -> str | None:
    """What somebody meant who left the year out, or wrote crontab's five into AWS's parentheses."""
    if len(fields) != 5:
        return None
    return _nearest(f"cron({' '.join(fields)} *)" if "?" in fields else " ".join(fields))


def _each(fields: list[str], index: int, kind: _Field, form: str) -> str:
    """A field of numbers, lists, ranges and steps as it is; AWS writes these alike. Raises ScheduleError."""
    for part in fields[index].split(","):
        try:
            if not any(re.fullmatch(special, part.upper()) for special in kind.special):
                _range(part, kind)
        except _FieldError as error:
            instead = [*fields]
            instead[index] = ",".join(error.instead if each == part else each for each in fields[index].split(","))
            text = form.format(" ".join(instead))
            raise ScheduleError(str(error), text if _nearest(text) else None) from None
    if "#" in fields[index] and "," in fields[index]:
        raise ScheduleError(f"has the {kind.what} `{fields[index]}`, and `#` stands alone")
    return fields[index].upper()


def _range(part: str, kind: _Field) -> tuple[int, int, int]:
    """First, last and step of one part of a field."""
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        raise _FieldError(f"has the {kind.what} `{part}`, whose step is no number above 0", f"{span}/1")
    first, dash, last = span.partition("-")
    if span == "*":
        return kind.low, kind.high, int(step or 1)
    start = _value(first, part, kind)
    end = _value(last, part, kind) if dash else (kind.high if step else start)
    if end < start and not kind.wraps:
        raise _FieldError(f"has the {kind.what} `{part}`, whose end is before its start", f"{last}-{first}")
    return start, end, int(step or 1)


def _value(text: str, part: str, kind: _Field) -> int:
    if text.upper() in kind.names:
        return kind.names.index(text.upper()) + kind.first_name
    if not text.isdecimal() or not kind.low <= int(text) <= kind.high:
        near = _near(text.upper(), kind)
        instead = near if near == "*" else part.replace(text, near, 1)
        names = f" or {kind.names[0]} to {kind.names[-1]}" if kind.names else ""
        counts = ", `#` from 1 to 5" if "#" in near else ""
        raise _FieldError(
            f"has the {kind.what} `{text}`, and these go from {kind.low} to {kind.high}{names}{counts}", instead
        )
    return int(text)


def _near(text: str, kind: _Field) -> str:
    """The nearest that the field takes: 59 for 99, the fifth Friday for the sixth; `*` where nothing is near."""
    if text.isdecimal():
        return str(min(max(int(text), kind.low), kind.high))
    day, ordinal, which = text.partition("#")
    if ordinal and which.isdecimal():
        near = f"{day}#{min(max(int(which), 1), 5)}"
    elif text[:-1].isdecimal():  # 32W
        near = f"{min(max(int(text[:-1]), kind.low), kind.high)}{text[-1]}"
    else:
        return "*"
    return near if any(re.fullmatch(special, near) for special in kind.special) else "*"


def _weekdays(fields: list[str]) -> str:
    """Days of the week by name, so that nobody has to know where the counting starts."""
    text = fields[4]
    if text in {"*", "?"}:
        return "*"
    _each(fields, 4, _CRONTAB[4], "{}")
    days: set[int] = set()
    for part in text.split(","):
        first, last, step = _range(part, _CRONTAB[4])
        days |= {day % 7 for day in range(first, last + 1, step)}
    if len(days) == len(_DAYS):
        return "*"
    return ",".join(_DAYS[day] for day in sorted(days))
