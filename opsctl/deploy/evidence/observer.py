"""Collecting evidence while CloudFormation works on a service or a custom resource: a roll-back removes most of it.

A listener of a deploy's events. One thread asks AWS every few seconds, only while such a resource is in progress, and
emits what is new. Nothing it does, or fails to do, changes how the deploy ends: an error is noted once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from opsctl.deploy.events import Emit, Event, Evidence, Note, ResourceChanged
from opsctl.deploy.evidence.causes import CERTIFICATE
from opsctl.deploy.evidence.log_lines import readable_lines
from opsctl.deploy.evidence.places import SERVICE, Place
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.ecs import Task
    from opsctl.aws.session import Aws
    from opsctl.deploy.evidence.redaction import Redactor

# Lines of a stopped task's log, and of a function's.
_TAIL, _FUNCTION_TAIL = 40, 20
# What Lambda itself writes around every call.
_LAMBDA = ("INIT_START ", "START ", "END ", "REPORT ")
# How many stopped tasks of one service are read: all that a roll-out starts fail alike.
_TASKS = 6
# How far to look back where only the failure was seen, as of an operation that an earlier deploy began.
_UNSEEN = timedelta(minutes=15)
# ECS says so of tasks that did not fail: somebody, AWS itself, a roll-out or a smaller count ended them.
_ORDERED = {"UserInitiated", "SpotInterruption", "TerminationNotice", "InfrastructureHealth"}
_ORDERLY = ("Scaling activity initiated by", "Task stopped by user", "Service scheduler replacing")


@dataclass(frozen=True, slots=True)
class _Watched:
    step: str
    service: str  # its logical id; "" of anything else
    place: Place
    since: datetime
    until: datetime | None = None

    def is_of_the_release_before(self, task: Task) -> bool:
        """Whether a task was begun before this operation, or after it failed and was taken back."""
        if task.created is None:
            return False
        return task.created < self.since or (self.until is not None and task.created > self.until)


def failed(task: Task) -> bool:
    """Whether a stopped task tells of a failure, and was not ended on purpose."""
    if "health check" in task.reason or task.stop_code == "TaskFailedToStart":
        return True
    if task.stop_code in _ORDERED:
        return False
    return task.exit_code != 0 and not task.reason.startswith(_ORDERLY)


class Observer:
    """Hears a deploy's events; `close` ends its thread. `found` is what it emitted, in order."""

    def __init__(
        self,
        aws: Aws,
        emit: Emit,
        locate: Callable[[ResourceChanged], Place | None],
        redact: Redactor,
        *,
        seconds: float,
        learn: Callable[[], None] = lambda: None,
    ) -> None:
        """`locate`: where evidence about a resource lies; None for one that is not watched. `seconds`: between two
        rounds. `learn` is called once, before lines of an application are emitted, and tells `redact` its secrets.
        """
        self._aws = aws
        self._emit = emit
        self._locate = locate
        self._redact = redact
        self._seconds = seconds
        self._learn: Callable[[], None] | None = learn
        self.found: list[Evidence] = []
        self._seen: set[Evidence] = set()
        self._tasks: set[str] = set()
        self._watched: dict[tuple[str, str], _Watched] = {}
        self._services: dict[tuple[str, str], _Watched] = {}  # all that were ever watched
        self._failed: set[tuple[str, str]] = set()
        self._certificates: list[ResourceChanged] = []
        self._noted = False
        self._guard = threading.Lock()  # of `_watched` and `_services`: events come while a round is asking
        self._round = threading.Lock()  # one round at a time, whoever asks for it
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._closed = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, ResourceChanged) and event.resource_type == CERTIFICATE:
            self._certificates.append(event)
        if not isinstance(event, ResourceChanged) or not _is_watched(event.resource_type):
            return
        key = (event.step, event.logical_id)
        with self._guard:
            if event.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}:
                # ECS and the emulator tell some times to the second.
                self._watch(key, event, event.at.replace(microsecond=0))
            elif event.status.endswith("_FAILED"):
                self._watch(key, event, event.at - _UNSEEN)
                if (watched := self._watched.get(key)) is not None and watched.until is None:
                    self._watched[key] = replace(watched, until=event.at)
                self._failed.add(key)
                self._wake.set()
            elif event.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"} and key not in self._failed:
                self._watched.pop(key, None)

    def _watch(self, key: tuple[str, str], event: ResourceChanged, since: datetime) -> None:
        place = None if key in self._watched or self._closed else self._locate(event)
        if place is not None:
            watched = _Watched(event.step, event.logical_id if place.service else "", place, since)
            self._watched[key] = watched
            if place.service:
                self._services[key] = watched
            self._start()

    def conclude(self, step: str, *, task: str = "", verdict: str = "") -> list[dict[str, Any]]:
        """Look once more at what is watched in a step that ended, then no more; answers all evidence of the step.

        How its certificates went is part of it, for whose validation CloudFormation waits without a word. `task` is the
        id of one that ran when we ended its rollout, and `verdict` why: to ECS it did not fail, and its log tells most.
        """
        with self._guard:
            watched = [each for each in self._watched.values() if each.step == step]
            # A service that is well again, with the release before, is watched no more.
            services = [each for each in self._services.values() if each.step == step]
        self._look(watched, self._last)
        if task and task not in self._tasks:
            self._look(services, lambda each: self._of_ended(each, task, verdict))
        with self._guard:
            self._watched = {key: each for key, each in self._watched.items() if each.step != step}
        seen: list[ResourceChanged | Evidence] = [*self._certificates, *self.found]
        return [each.to_dict() for each in seen if each.step == step]

    def close(self) -> None:
        """Stop asking. A round that runs is not waited for."""
        self._closed = True
        self._wake.set()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="opsctl-evidence", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(self._seconds)
            self._wake.clear()
            with self._guard:
                watched = list(self._watched.values())
                if not watched or self._closed:
                    self._thread = None
                    return
            self._look(watched)

    def _last(self, watched: _Watched) -> Iterator[Evidence]:
        return self._evidence(watched, last=True)

    def _look(
        self, watched: list[_Watched], evidence: Callable[[_Watched], Iterator[Evidence]] | None = None
    ) -> None:  # fmt: skip
        with self._round:
            for each in watched:
                try:
                    self._look_at(each, (evidence or self._evidence)(each))
                except OpsctlError as error:
                    self._note(error.message)
                except Exception as error:  # of an answer that is not as AWS documents it
                    self._note(f"{type(error).__name__}: {error}")

    def _look_at(self, watched: _Watched, evidence: Iterator[Evidence]) -> None:
        for each in evidence:
            text = self._redact(" ".join(each.text.split()))
            lines = tuple(self._redact.lines(each.lines))
            clean = replace(each, text=text, lines=lines, resource=watched.service)
            if clean not in self._seen and not self._closed:
                self._seen.add(clean)
                self.found.append(clean)
                self._emit(clean)

    def _evidence(self, watched: _Watched, last: bool = False) -> Iterator[Evidence]:
        if watched.place.service:
            yield from self._of_targets(watched)
            yield from self._of_tasks(watched, last)
            yield from self._of_service(watched)
        elif watched.place.group:
            lines = self._aws.logs.since(watched.place.group, watched.since, _FUNCTION_TAIL)
            self._about_to_show_lines()
            for line in readable_lines(each for each in lines if not each.startswith(_LAMBDA)):
                yield Evidence(watched.step, "function", watched.place.group, line)

    def _of_targets(self, watched: _Watched) -> Iterator[Evidence]:
        if not watched.place.targets:
            return
        for target in self._aws.load_balancers.target_health(watched.place.targets):
            if target.state.startswith("unhealthy"):
                why = ": ".join(filter(None, (target.reason, target.description)))
                yield Evidence(watched.step, "target", f"{target.address}:{target.port}", f"{target.state}: {why}")

    def _of_tasks(self, watched: _Watched, last: bool) -> Iterator[Evidence]:
        """Tasks that ended, each once; one that is still stopping has no exit code yet, and its log no end, so that it
        is left for the next round where there is one.
        """
        place = watched.place
        stopped = [
            task for task in self._aws.ecs.stopped_tasks(place.cluster, place.service)
            if failed(task) and not watched.is_of_the_release_before(task)
            and (last or task.status == "STOPPED" or task.exit_code is not None)
        ]  # fmt: skip
        fresh = [
            task for task in stopped[:_TASKS]
            if task.id not in self._tasks and (task.stopped is None or task.stopped >= watched.since)
        ]  # fmt: skip
        for task in reversed(fresh):
            lines = self._log_of(place, task.id)
            self._tasks.add(task.id)
            reasons = dict.fromkeys(filter(None, (task.container_reason, task.reason)))
            yield Evidence(
                watched.step, "task", task.id, " · ".join(reasons), _iso(task.stopped), task.stop_code, task.exit_code,
                lines,
            )  # fmt: skip

    def _of_ended(self, watched: _Watched, task: str, verdict: str) -> Iterator[Evidence]:
        """A task that was ended with its rollout, of the service that has its log."""
        lines = self._log_of(watched.place, task)
        if lines:
            self._tasks.add(task)
            yield Evidence(watched.step, "task", task, f"its rollout was ended: {verdict}", lines=lines)

    def _log_of(self, place: Place, task: str) -> tuple[str, ...]:
        """The end of a task's log."""
        lines = self._aws.logs.tail(place.group, f"{place.container}/{place.container}/{task}", _TAIL)
        if lines:
            self._about_to_show_lines()
        return tuple(readable_lines(lines))

    def _of_service(self, watched: _Watched) -> Iterator[Evidence]:
        service = self._aws.ecs.service(watched.place.cluster, watched.place.service)
        for event in reversed(service.history if service is not None else ()):
            if event.at is not None and event.at >= watched.since and _tells(event.text):
                yield Evidence(watched.step, "service", watched.place.service, event.text, _iso(event.at))

    def _about_to_show_lines(self) -> None:
        learn, self._learn = self._learn, None
        if learn is not None:
            learn()

    def _note(self, why: str) -> None:
        if not self._noted:
            self._noted = True
            self._emit(Note(f"Evidence for a failure can't be collected: {self._redact(why)}"))


def _is_watched(kind: str) -> bool:
    return kind == SERVICE or kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"


def _tells(text: str) -> bool:
    """Whether an event of a service says more than that tasks came and went, and that a roll-out ended."""
    routine = (
        "has started ", "has stopped ", "registered ", "has reached a steady state", "has begun draining",
        "deployment failed: ", "rolled back to ", "rolling back to ", " AZ balanced ",
    )  # fmt: skip
    return not any(each in text for each in routine)


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at is not None else ""
