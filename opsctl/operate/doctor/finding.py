"""A line of `opsctl doctor`, and all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

Verdict = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found. `area` is what it is about; `todo` what to do about it, "" where nothing is to be done.

    `read` is False where it could not be looked at, which says nothing about how it is.
    """

    area: str
    verdict: Verdict
    text: str
    todo: str = ""
    read: bool = True


class Check(NamedTuple):
    """One look at one thing; it may raise, which becomes a line of its own."""

    area: str
    run: Callable[[], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All lines. `environment` is None where none could be chosen."""

    environment: str | None
    findings: tuple[Finding, ...]

    @property
    def is_wrong(self) -> bool:
        """Whether something would fail, or fails now."""
        return any(each.verdict == "wrong" for each in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        counts = Counter(each.verdict for each in self.findings)
        return {
            "environment": self.environment,
            "ok": counts["ok"],
            "warnings": counts["warning"],
            "wrong": counts["wrong"],
            "not_read": sum(not each.read for each in self.findings),
            "findings": [asdict(each) for each in self.findings],
        }
