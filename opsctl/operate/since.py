"""How far back a person wants to look: `90s`, `15m`, `1h`, `2d`, or a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from opsctl.errors import UsageError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def since(text: str, now: datetime) -> datetime:
    """The moment that `text` means, in UTC, as is a time without a zone. Raises UsageError."""
    found = re.fullmatch(r"(\d+)([smhdw])", text.strip())
    try:
        if found:
            return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"`{text}` says no time to begin at.",
            code="bad-since",
            hint="Write --since 90s, 15m, 1h or 2d, or a time such as 2026-11-29T18:30+01:00 (without +01:00: UTC).",
        ) from None
    if moment > now:
        raise UsageError(
            f"`{text}` lies ahead: it is {now:%Y-%m-%dT%H:%M:%SZ} now.", code="bad-since", hint="Name a time before it."
        )
    return moment
