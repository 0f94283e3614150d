"""What `opsctl doctor` found, a line each, what to do below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from opsctl.cli import output

if TYPE_CHECKING:
    from opsctl.operate.doctor.finding import Diagnosis, Finding, Verdict

_VERDICT = 9
_ORDER: tuple[Verdict, ...] = ("wrong", "warning", "ok")


def doctor_text(found: Diagnosis, width: int | None) -> str:
    """The lines in the order of the looks, `width` characters wide (None: whole), and how many of each there are."""
    lines = [line for each in found.findings for line in _lines(each, width)]
    counts = Counter(each.verdict for each in found.findings)
    plural = {"warning": "warnings" if counts["warning"] > 1 else "warning"}
    said = ", ".join(f"{counts[each]} {plural.get(each, each)}" for each in _ORDER if counts[each])
    of = f"{found.environment}: " if found.environment else ""
    return "\n".join([*lines, "", f"{of}{said}."])


def _lines(each: Finding, width: int | None) -> Iterator[str]:
    first = f"{each.verdict:<{_VERDICT}}"
    yield from _filled(f"{each.area}: {each.text}", first, " " * _VERDICT, width)
    if each.todo:
        yield from _filled(each.todo, f"{'':<{_VERDICT}}→ ", " " * (_VERDICT + 2), width)


def _filled(text: str, first: str, then: str, width: int | None) -> list[str]:
    clean = output.one_line(text.strip())
    if width is None:
        return [first + clean]
    return output.filled(clean, max(width, output.WIDTH), first=first, indent=then)
