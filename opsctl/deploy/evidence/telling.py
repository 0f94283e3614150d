"""Events of a record as lines for a person: what happened first, then the log that belongs to it, indented."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opsctl.deploy.evidence.log_lines import clean

# Of a stopped task's log on the screen; a record has more.
_SHOWN = 15
# Of what a service or a load balancer says again and again.
_SAID = 3


def told(event: Mapping[str, Any]) -> list[str]:
    """A headline and the lines below it; none for what a display alone can use."""
    tell = _TELL.get(str(event.get("type")))
    return [line for text in (tell(event) if tell else ()) for line in clean(text).split("\n")]


def on_screen(evidence: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What stands above an error: what the service's surroundings said, and the newest stopped task with its log."""
    said = [each for each in evidence if each.get("kind") != "task"][-_SAID:]
    if any(each.get("kind") == "function" for each in evidence):
        said = [each for each in evidence if each.get("kind") == "function"][-8:]
    tasks = [each for each in evidence if each.get("kind") == "task"][-1:]
    lines = [line for each in said for line in told(each)]
    for task in tasks:
        headline, *log = told(task)
        lines += [*log[-_SHOWN:], headline]
    return tuple(lines)


def _evidence(event: Mapping[str, Any]) -> list[str]:
    subject, text = event.get("subject"), str(event.get("text", ""))
    if event.get("kind") == "task":
        log = [f"| {line}" for line in event.get("lines") or ()]
        return [f"Task {subject} stopped: {_ended(event)}", *log]
    if event.get("kind") == "target":
        return [f"The load balancer finds {subject} {text}"]
    return [f"{subject}: {text}" if event.get("kind") == "function" else text]


def _ended(task: Mapping[str, Any]) -> str:
    code = task.get("exit_code")
    how = ", ".join(filter(None, (task.get("stop_code"), f"exit code {code}" if code is not None else "")))
    return ": ".join(filter(None, (how, task.get("text")))) or "no reason given"


def _resource(event: Mapping[str, Any]) -> list[str]:
    reason = f": {event['reason']}" if event.get("reason") else ""
    return [f"{event.get('status')} {event.get('resource_type')} {event.get('logical_id')}{reason}"]


def _finished(event: Mapping[str, Any]) -> list[str]:
    """Why a step failed stands in the cause."""
    failed, text = event.get("outcome") == "failed", str(event.get("text", ""))
    return ["failed" if failed else f"{event.get('outcome')}: {text}"]


_TELL: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "evidence": _evidence,
    "resource-changed": _resource,
    "step-started": lambda event: [f"begins: {event.get('text')}"],
    "step-finished": _finished,
    "log-line": lambda event: [f"| {event.get('text')}"],
    "note": lambda event: [str(event.get("text", ""))],
}
