"""Numbers in sentences for people."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return `1 file`, `2 files` or `12,345 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
