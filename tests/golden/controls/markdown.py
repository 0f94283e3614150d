"""Tables as GitHub reads them."""

from __future__ import annotations

from collections.abc import Iterable


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A head and its rows."""
    lines = (head, ["---"] * len(head), *rows)
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n" for cells in lines)


def apart(answers: dict[str, str]) -> str:
    """One answer where all cases have it; else that of most, and the others with their cases."""
    cases: dict[str, list[str]] = {}
    for case, answer in answers.items():
        cases.setdefault(answer, []).append(case)
    common, *others = sorted(cases, key=lambda answer: -len(cases[answer]))
    return "; ".join([common, *(f"{', '.join(cases[answer])}: {answer}" for answer in others)])
