"""What a rule finds."""

from __future__ import annotations

from dataclasses import dataclass

from opsctl.config.located import KeyPath


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` is relative to the environment; `also` are other paths the rule depends on.

    One that is not `certain` is told as a note, and the file is valid: what AWS may know by now, and opsctl does not.
    """

    path: KeyPath
    what: str
    fix: str
    also: tuple[KeyPath, ...] = ()
    certain: bool = True
