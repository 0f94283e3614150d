"""What of a release's record can be believed to be what it says it is.

Another environment's records are read, too, and whoever may write them may write anything there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any


def is_sound(values: Mapping[str, Any]) -> bool:
    """Whether each field is of its type: a damaged record, or one that somebody made up, is none."""
    return all(_CHECKS.get(name, _is_text)(value) for name, value in values.items())


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 10**9  # as `opsctl rollback N` takes it


def _holds(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(check(each) for each in value.values())


def _is_seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _is_change(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("parameters", []), list)


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "number": _is_count,
    "rolled_back_to": lambda value: value is None or _is_count(value),
    "stacks": _holds(_is_text),
    "seconds": _holds(_is_seconds),
    "changes": _holds(_is_change),
    "application": lambda value: value is None or isinstance(value, dict),
    "verdicts": lambda _: True,  # judged one by one
}
