"""Numbers, and texts of others, in sentences for people."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return `1 file`, `2 files` or `12,345 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def shown(text: str, *, limit: int = 60) -> str:
    """Return the beginning of a text from a file, with a mark for each character that a terminal would act on."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:limit])
