"""Releases, and who changed what, as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from opsctl.cli.output import WIDTH, filled, one_line

if TYPE_CHECKING:
    from opsctl.operate.releases import Audited, Listed


def releases_text(found: Sequence[Listed]) -> str:
    """A block for each: number, time, who and how; below it what it ran, and whether there is a way back."""
    if not found:
        return "Nothing was released yet."
    return "\n".join(line for each in found for line in _release(each))


def _release(each: Listed) -> Iterable[str]:
    mark = "*" if each.runs else " "
    how = "" if each.how == "deploy" else f"  {each.how}"
    yield one_line(f"{mark} {each.number:<4} {when(each.at)}  {each.by}{how}{'  runs now' if each.runs else ''}")
    yield from _wrapped(f"tag {each.tag}")
    if each.commit and each.commit != each.tag:
        yield from _wrapped(f"commit {each.commit}")
    yield from _wrapped(each.digest)
    if each.migrations:
        yield from _wrapped(f"migrations: {', '.join(each.migrations)}")
    if each.why_not and not each.runs:
        yield from _wrapped(f"no rollback to it: {each.why_not}")
    elif each.image_only and not each.runs:
        yield from _wrapped("rollback: its image only; an earlier opsctl did not record its application block")


def audit_text(runs: Sequence[Audited]) -> str:
    """A block for each run: time, who, outcome; below it what was typed and what of which stack was changed."""
    if not runs:
        return "Nothing is recorded yet."
    return "\n".join(line for each in runs for line in _run(each))


def _run(each: Audited) -> Iterable[str]:
    back = f", rollback to {each.rolled_back_to}" if each.rolled_back_to else ""
    head = each.outcome if each.release else "no release"
    yield one_line(f"{when(each.at)}  {each.by}  {head}{back}")
    if not each.release:
        yield from _wrapped(each.outcome)
    yield from _wrapped(f"run {each.run_id}" + (f": {each.command}" if each.command else ""))
    if each.commit:
        yield from _wrapped(f"commit {each.commit}")
    if each.image:
        yield from _wrapped(f"image {each.image}")
    for name, change in (each.stacks or {}).items():
        yield from _wrapped(f"{name}: {_change(change)}")


def _change(change: dict[str, Any]) -> str:
    names = ", ".join(str(name) for name in change.get("parameters", []))
    return f"{change.get('action', '')}{f' ({names})' if names else ''}"


def when(at: str) -> str:
    """A time of a record in this machine's zone: `2026-11-29 23:10 CET`; as it stands where it is none."""
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M %Z")
    except (ValueError, OverflowError):
        return at or "-"


def _wrapped(text: str) -> list[str]:
    """A detail, below its release; no word of it is cut."""
    return filled(one_line(text), WIDTH, first="       ", indent="         ")
