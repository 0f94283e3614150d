"""AWS's own clock, by which what it says is judged: this machine's may be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any


def answered_at(answer: Mapping[str, Any]) -> datetime | None:
    """When AWS gave this answer; None where it does not say."""
    return date_of(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}))


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """The Date header; None without one that is a date."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
