"""The nearest valid name for a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(given: str, valid: Iterable[str]) -> str:
    """`Did you mean …?` for a slip of the hand, else the whole list."""
    names = sorted(valid)
    return near(given, names) or (f"Valid: {', '.join(names)}." if names else "There is none to choose.")


def near(given: str, valid: Iterable[str]) -> str:
    """`Did you mean …?` for a slip of the hand, else nothing: for names that are too many to list."""
    found = closest(given, valid)
    return f"Did you mean `{found}`?" if found else ""


def closest(given: str, valid: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The name that differs least, whatever the case and the hyphens; None when none is close."""
    names = {_plain(name): name for name in sorted(valid, reverse=True)}
    close = difflib.get_close_matches(_plain(given), sorted(names), n=1, cutoff=cutoff)
    return names[close[0]] if close else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
