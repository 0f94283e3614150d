"""What a rule finds."""

from __future__ import annotations

from dataclasses import dataclass

from opsctl.config.located import KeyPath


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` is relative to the environment; `also` are other paths the rule depends on."""

    path: KeyPath
    what: str
    fix: str
    also: tuple[KeyPath, ...] = ()
