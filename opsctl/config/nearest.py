"""The nearest valid name for a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(given: str, valid: Iterable[str]) -> str:
    """`Did you mean …?` for a slip of the hand, else the whole list."""
    names = sorted(valid)
    return near(given, names) or f"Valid: {', '.join(names)}."


def near(given: str, valid: Iterable[str]) -> str:
    """`Did you mean …?` for a slip of the hand, else nothing: for names that are too many to list."""
    close = difflib.get_close_matches(given, sorted(valid), n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else ""
