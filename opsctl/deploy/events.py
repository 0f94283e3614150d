"""What happens during a deploy, as data. Listeners draw it, log it or write it down; the core only emits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

Outcome = Literal["done", "unchanged", "rolled-back", "failed", "detached"]


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able mapping with the event's `type` first."""
        values = {key: _plain(value) for key, value in asdict(self).items()}
        return {"type": _kebab(type(self).__name__), **values}


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    """A stack or another step begins. `text` says what is done and why."""

    step: str
    text: str


@dataclass(frozen=True, slots=True)
class StepFinished(Event):
    """A step ended; `seconds` is its wall-clock time."""

    step: str
    outcome: Outcome
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ResourceChanged(Event):
    """CloudFormation reports a resource of a stack."""

    step: str
    at: datetime
    logical_id: str
    resource_type: str
    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LogLine(Event):
    """A line that a task or a build wrote."""

    step: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """How far a step is: `done` of `total` in `unit`, or only a text while `total` is unknown."""

    step: str
    text: str
    done: int = 0
    total: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class TimeLeft(Event):
    """How long the whole deploy probably goes on, and what nine of ten such deploys do not exceed, in seconds; told
    every now and then. `earlier` is how many deploys of this environment it is learned from; 0: published experience.
    """

    seconds: float
    at_most: float
    earlier: int


@dataclass(frozen=True, slots=True)
class Note(Event):
    """Something a person should know that is no step."""

    text: str


EvidenceKind = Literal["task", "target", "service", "function"]


@dataclass(frozen=True, slots=True)
class Evidence(Event):
    """What was seen while a step went on and may explain how it ends, before a roll-back removes it.

    `subject` is a stopped task's id, a target's address, a service or a log group; `text` what AWS says of it, `lines`
    the end of its log. `at` is ISO 8601, "" where AWS tells no time. `resource` is the logical id of the service that
    it is about. Passwords and the like are blotted out.
    """

    step: str
    kind: EvidenceKind
    subject: str
    text: str
    at: str = ""
    stop_code: str = ""
    exit_code: int | None = None
    lines: tuple[str, ...] = ()
    resource: str = ""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """What was asked, and by whom. `plan` has a line for each stack that changes; `image` is the release's tag."""

    run: str
    environment: str
    command: str
    owner: str
    plan: tuple[str, ...] = ()
    image: str = ""


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """How a run ended. `code` and `message` are those of its error."""

    outcome: Literal["done", "failed", "interrupted"]
    code: str = ""
    message: str = ""
    hint: str = ""


Emit = Callable[[Event], None]


def silent(event: Event) -> None:
    """The listener of whoever needs none."""


def as_notes(emit: Emit) -> Callable[[str], None]:
    """What hands sentences to the listener, a note each."""
    return lambda said: emit(Note(said))


class Emitter:
    """Hands each event to all listeners, one at a time, whatever thread it comes from."""

    def __init__(self, *listeners: Emit) -> None:
        self._listeners = listeners
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            for listener in self._listeners:
                listener(event)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _kebab(name: str) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).lstrip("-")
