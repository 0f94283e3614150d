"""How often a schedule of EventBridge Scheduler starts something, a month on average."""

from __future__ import annotations

import re
from decimal import Decimal

from opsctl.cost.billing import DAYS

_PER_DAY = {"minute": 1440, "hour": 24, "day": 1}
_BOUNDS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (1, 7)}
_NAMES = {
    name: number
    for names in ("SUN MON TUE WED THU FRI SAT", "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")
    for number, name in enumerate(names.split(), start=1)
}


def runs_a_month(expression: str) -> Decimal:
    """Of `cron(…)`, `rate(…)` or `at(…)`, in any year; `at` starts once, and never again."""
    kind, _, rest = expression.partition("(")
    text = rest.rstrip(")")
    if kind == "rate":
        number, unit = text.split()
        return DAYS * _PER_DAY[unit.rstrip("s")] / int(number)
    if kind == "at":
        return Decimal(0)
    minute, hour, day, month, weekday, _ = text.split()
    a_day = Decimal(_count(minute, "minute") * _count(hour, "hour"))
    return a_day * _days(day, weekday) * _count(month, "month") / 12


def _days(day: str, weekday: str) -> Decimal:
    """Days of a month. `L` and `W` in days of the month, `L` and `#` in days of the week, are one each."""
    if day in {"?", "*"}:
        if weekday in {"?", "*"}:
            return DAYS
        if re.search(r"[L#]", weekday.upper().replace("JUL", "")):
            return Decimal(1)
        return DAYS * _count(weekday, "weekday") / 7
    if re.search(r"[LW]", day.upper()):
        return Decimal(1)
    return Decimal(_count(day, "day")) * (DAYS / 31 if day.count("/") else 1)


def _count(field: str, kind: str) -> int:
    """How many values a field has: `*`, `1,2`, `1-5`, `*/15`, `MON-FRI`."""
    low, high = _BOUNDS[kind]
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if first in {"*", "?"}:
            begin, end = low, high
        else:
            begin = _number(first)
            end = _number(last) if last else high if step else begin
        values = range(begin, end + 1) if begin <= end else (*range(begin, high + 1), *range(low, end + 1))
        found.update(values[:: int(step or 1)])
    return len(found)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else _NAMES[text.upper()]
