"""A run's record, read: what was asked, what happened, and what it comes to. Lines that are damaged are passed over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from opsctl.deploy.evidence.causes import AGAIN, CONSEQUENCES, find_cause
from opsctl.deploy.evidence.log_lines import clean, readable_lines
from opsctl.deploy.evidence.telling import told

# Lines of logs that stand between evidence: the end of what a failed step wrote says most.
_LOG_LINES = 40
_READ_LINES = 400  # of which many are frames of libraries
# Codes of errors that a step's evidence explains, of what AWS goes on with among them; others explain themselves.
_GOING_ON = ("deadline", "detached", "unanswered")
_OF_STEPS = ("stack-failed", "task-failed", *_GOING_ON)
_STEPS = {"step-started", "step-finished"}
_SHOWN = {"evidence", "note", *_STEPS}
_LISTS = {"lines", "plan"}
# What is read of these without asking whether it is there.
_NAMED = {"step-started": ("step",), "step-finished": ("step",),
          "resource-changed": ("step", "logical_id", "resource_type", "status")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. `time` is ISO 8601; `lines` begin with a headline."""

    time: str
    step: str
    kind: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The events of one run, in order."""

    run: str
    events: tuple[Mapping[str, Any], ...]

    @classmethod
    def parse(cls, run: str, body: bytes) -> Record:
        """A journal's content; a line that is cut or no object is left out, as a killed process leaves one. Whoever may
        write the bucket may write anything: of another type than ours, a value is text.
        """
        found = []
        for line in body.decode("utf-8", "replace").splitlines():
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict) and isinstance(event.get("type"), str):
                named = dict.fromkeys(_NAMED.get(event["type"], ()), "")
                found.append({**named, **{name: _sound(name, value) for name, value in event.items()}})
        return cls(run, tuple(found))

    @property
    def asked(self) -> Mapping[str, Any]:
        """What was asked, by whom; empty in a record without."""
        return next((event for event in self.events if event["type"] == "run-started"), {})

    @property
    def ended(self) -> Mapping[str, Any]:
        """How it ended; empty while it runs, and for one that was killed."""
        return next((event for event in reversed(self.events) if event["type"] == "run-finished"), {})

    @property
    def outcome(self) -> str:
        """`done`, `failed`, `interrupted`, or `unfinished` where the record just stops."""
        if self.ended:
            return str(self.ended.get("outcome"))
        ended = {event.get("step"): event.get("outcome") for event in self.events if event["type"] == "step-finished"}
        if "failed" in ended.values():
            return "failed"
        begun = {event.get("step") for event in self.events if event["type"] == "step-started"}
        # An earlier opsctl wrote neither what was asked nor the end.
        return "done" if not self.asked and begun == ended.keys() and "detached" not in ended.values() else "unfinished"

    @property
    def seconds(self) -> float:
        """From the first to the last event."""
        times = [moment for event in self.events if (moment := _parsed(event.get("time"))) is not None]
        return (times[-1] - times[0]).total_seconds() if len(times) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a run ended as it did: `cause` is one sentence, `next` what to do; then what happened, oldest first."""

    run: str
    environment: str
    command: str
    owner: str
    started: str
    seconds: float
    outcome: str
    cause: str
    next: str
    plan: tuple[str, ...]
    image: str
    moments: tuple[Moment, ...]


def explain(record: Record) -> Explanation:
    """What a record says."""
    asked, cause = record.asked, _cause(record)
    return Explanation(
        run=_line(record.run),
        environment=_line(str(asked.get("environment", ""))),
        command=_line(str(asked.get("command", ""))),
        owner=_line(str(asked.get("owner", ""))),
        started=_line(str(record.events[0].get("time", ""))) if record.events else "",
        seconds=record.seconds,
        outcome=_line(record.outcome),
        cause=_line(cause[0]),
        next=_line(cause[1]),
        plan=tuple(_line(str(each)) for each in asked.get("plan") or ()),
        image=_line(str(asked.get("image", ""))),
        moments=tuple(_moments(record)),
    )


def _cause(record: Record) -> tuple[str, str]:
    ended, outcome = record.ended, record.outcome
    if outcome == "done":
        return "Nothing failed: the run did what was asked.", ""
    message, hint = str(ended.get("message", "")), str(ended.get("hint", "")) or AGAIN
    found = find_cause(record.events)
    if found is not None and ended.get("code", _OF_STEPS[0]) in _OF_STEPS:
        goes_on = ended.get("code") in _GOING_ON
        sentence = f"{found.where} was still in progress: {found.sentence}" if goes_on else found.text
        return f"{sentence.rstrip('.')}.", found.next if found.next != AGAIN else hint
    if outcome == "unfinished":
        return (
            "The run left no word of its end: it still runs, or its process was killed.",
            "`opsctl status` shows what runs; `opsctl deploy` follows it and finishes the rest.",
        )
    return message or "It failed, and the record does not say why.", hint


def _moments(record: Record) -> list[Moment]:
    """Evidence and what stands around it; of successes only that a step ended."""
    logs = [event for event in record.events if event["type"] == "log-line" and event.get("step") in _failed(record)]
    shown = {id(event) for event in logs[-_READ_LINES:]}
    idle = {str(event.get("step")) for event in record.events if event.get("outcome") == "unchanged"}
    found: list[Moment] = []
    for event in sorted(record.events, key=_when):
        kind, step = event["type"], str(event.get("step", ""))
        if not (kind in _SHOWN or id(event) in shown or _is_failure(event)) or (kind in _STEPS and step in idle):
            continue
        lines = tuple(told(event))
        if kind == "log-line" and found and (found[-1].kind, found[-1].step) == (kind, _line(step)):
            lines = found.pop().lines + lines
        elif len(lines) > 1 and any(moment.lines[1:] == lines[1:] for moment in found):
            lines = (lines[0], "| the same log as above")
        if lines:
            found.append(Moment(_when(event), _line(step), kind, lines))
    return _ends_of_logs(found)


def _ends_of_logs(moments: list[Moment]) -> list[Moment]:
    """Logs without the frames of what the project did not write, and of all of them the last lines."""
    left, found = _LOG_LINES, []
    for moment in reversed(moments):
        if moment.kind == "log-line":
            own = readable_lines(line.removeprefix("| ") for line in moment.lines)[-left:] if left else []
            left -= len(own)
            moment = replace(moment, lines=tuple(f"| {line}" for line in own))  # noqa: PLW2901
        if moment.lines:
            found.append(moment)
    return found[::-1]


def _failed(record: Record) -> set[str]:
    return {
        str(event.get("step")) for event in record.events
        if event["type"] == "step-finished" and event.get("outcome") in {"failed", "detached"}
    }  # fmt: skip


def _is_failure(event: Mapping[str, Any]) -> bool:
    if event["type"] != "resource-changed" or str(event.get("reason", "")).startswith(CONSEQUENCES):
        return False
    status = str(event.get("status"))
    rolled_back = event.get("logical_id") == event.get("step") and "ROLLBACK" in status
    return status.endswith("_FAILED") or rolled_back or "DNS Record" in str(event.get("reason", ""))


def _when(event: Mapping[str, Any]) -> str:
    """When it happened, in UTC and to be sorted: as AWS says, else as it was written down."""
    moment = _parsed(event.get("at")) or _parsed(event.get("time"))
    return moment.isoformat(timespec="milliseconds") if moment is not None else ""


def _parsed(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value)) if value else None
        return found.astimezone(UTC) if found is not None else None
    except (ValueError, OverflowError):  # the year 1, east of Greenwich
        return None


def _sound(name: str, value: object) -> object:
    """A value of an event as events of ours have it."""
    if name in _LISTS:
        return [str(each) for each in value] if isinstance(value, list) else []
    if value is None or isinstance(value, str) or (name == "exit_code" and type(value) is int):
        return value
    return str(value)


def _line(text: str) -> str:
    return " ".join(clean(text).split())
