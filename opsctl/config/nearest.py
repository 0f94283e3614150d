"""The nearest valid name for a mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(given: str, valid: Iterable[str]) -> str:
    """`Did you mean …?` for a slip of the hand, else the whole list."""
    names = sorted(valid)
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else f"Valid: {', '.join(names)}."
