"""What happened to an environment, from three services as one timeline: stacks, services, alarms."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import AwsRefusedError
from opsctl.config import naming
from opsctl.deploy.events import Note
from opsctl.deploy.stackrun.stream import Patience
from opsctl.operate.deployed import deleted_stacks, require_outputs, state_of
from opsctl.operate.since import since

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import StackEvent
    from opsctl.deploy.events import Emit
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.operate.target import Target

# How late an event may be told; a machine's clock may be wrong by half of it, or AWS refuses its requests.
_LATE = timedelta(minutes=10)
# A stack's events may come this long after DescribeStacks has told their outcome.
_BEHIND = timedelta(minutes=1)
_PATIENCE_SECONDS = 3600.0
_SLOWEST = 8  # times the pause, while AWS does not answer


_GONE = "DELETE_COMPLETE"
_ALARM = "AWS::CloudWatch::Alarm"
_PREFIX = re.compile(r"^\(service [^)]*\) ?")


@dataclass(frozen=True, slots=True)
class Happening:
    """One event. `source` is the service that tells it; `subject` the stack, process or alarm it is about."""

    id: str
    time: datetime
    source: str
    subject: str
    what: str
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "time": self.time.astimezone(UTC).isoformat(timespec="milliseconds"),
            "source": self.source,
            "subject": self.subject,
            "what": self.what,
            "reason": self.reason,
        }


def happenings(target: Target, emit: Emit, *, begin: str, follow: bool) -> Iterator[list[Happening]]:
    """Events since `begin` (`1h`, or a time), the oldest first; with `follow` without end.

    A service that refuses to tell is named once and left out, unless all of them do. Raises AwsError.
    """
    start = since(begin, datetime.now(UTC))
    watch = Watch(target, emit, clock=lambda: datetime.now(UTC), sleep=time.sleep)
    state = state_of(target)
    if follow or not watch.add_deleted(start):
        require_outputs(target, state, "platform", "ClusterName")
    if not follow:
        yield watch.look(start)
        return
    yield from watch.follow(start)


class Watch:
    """Reads the three services of one environment, once or again and again."""

    def __init__(
        self,
        target: Target,
        emit: Emit,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        renewed: Callable[[Target], Target] = replace,
    ) -> None:
        """`renewed` gives the environment with clients that look for credentials anew."""
        self._target = target
        self._emit = emit
        self._clock = clock
        self._sleep = sleep
        self._renewed = renewed
        self._seen: dict[str, datetime] = {}
        self._stacks: dict[str, _Known] = {}
        self._alarms: dict[tuple[str, datetime | None], dict[str, str]] = {}
        self._left_out: set[str] = set()
        self._answered = False

    def add_deleted(self, begin: datetime) -> bool:
        """Tell of stacks of the environment that were deleted since then, too; answers whether there are any."""
        try:
            deleted = deleted_stacks(self._target)
        except AwsRefusedError as error:
            self._emit(Note(f"Stacks that were deleted are left out: {error.message}"))
            return False
        for name, each in deleted:
            if each.updated is not None and each.updated >= begin:
                self._stacks[f"{name} {each.id}"] = _Known(each.id, _GONE, each.updated, self._clock())
        return bool(self._stacks)

    def follow(self, start: datetime) -> Iterator[list[Happening]]:
        """What is new, round by round, if only an empty list. Raises AwsError when the first round fails,
        UnansweredError after an hour.
        """
        patience = Patience(
            self._emit, lambda: self._clock().timestamp(), goes_on="The environment goes on",
            follow_by="opsctl events -f", seconds=_PATIENCE_SECONDS,
        )  # fmt: skip
        begin, failed = start, 0
        while True:
            asked, fresh = self._clock(), None
            with patience if self._answered else nullcontext():
                fresh = self.look(begin)
            yield fresh or []
            failed = failed + 1 if fresh is None else 0
            if not failed:
                begin = max(begin, asked - _LATE)
                self._seen = {name: at for name, at in self._seen.items() if at >= begin}
            self._sleep(self._target.poll_seconds * min(2**failed, _SLOWEST))

    def look(self, begin: datetime) -> list[Happening]:
        """What happened since then and was not told yet, the oldest first."""
        asked = self._clock()
        try:
            found = self._read(begin)
        except AwsRefusedError:
            self._target = self._renewed(self._target)
            raise
        for known in self._stacks.values():
            known.asked = asked
        fresh = {each.id: each for each in found if each.time >= begin and each.id not in self._seen}
        self._seen |= {each.id: each.time for each in fresh.values()}
        return sorted(fresh.values(), key=lambda each: each.time)

    def _read(self, begin: datetime) -> list[Happening]:
        state = state_of(self._target)
        readers: dict[str, Callable[[], list[Happening]]] = {
            "stacks": lambda: self._of_stacks(state, begin),
            "services": lambda: self._of_services(state),
            "alarms": lambda: self._of_alarms(state, begin),
        }
        found: list[Happening] = []
        refused: AwsRefusedError | None = None
        told = 0
        for name, reader in readers.items():
            if name in self._left_out:
                continue
            try:
                found += reader()
                told += 1
            except AwsRefusedError as error:
                if self._answered:
                    raise
                refused = error
                self._left_out.add(name)
                self._emit(Note(f"Events of {name} are left out: {error.message}"))
        if refused is not None and not told:
            raise refused
        self._answered = True
        return found

    def _of_stacks(self, state: RemoteState, begin: datetime) -> list[Happening]:
        """DescribeStackEvents is rate-limited per account, and a deploy asks for it too: only stacks that moved are
        asked again, until they have rested for a minute.
        """
        self._note_moves(state)
        found: list[Happening] = []
        for name, known in self._stacks.items():
            if known.rests:
                continue
            newest_first = self._target.aws.in_region(known.region).cloudformation.events(known.id)
            events = list(takewhile(lambda event: event.at >= begin, newest_first))
            found += [_of_stack(name.partition(" ")[0], event) for event in reversed(events)]
        return found

    def _note_moves(self, state: RemoteState) -> None:
        now = self._clock()
        for name, stack in state.stacks.items():
            known = self._stacks.get(name)
            if name == "bootstrap":  # the account's, and no environment's
                continue
            if known is None or (known.id, known.status, known.updated) != (stack.id, stack.status, stack.updated):
                self._stacks[name] = _Known(stack.id, stack.status, stack.updated, now)
        for name, known in self._stacks.items():
            if name not in state.stacks and known.status != _GONE:  # its last events are found under its id
                self._stacks[name] = _Known(known.id, _GONE, None, now)

    def _of_services(self, state: RemoteState) -> list[Happening]:
        env = self._target.env
        names = {naming.service_name(env): "web"}
        names |= {naming.worker_name(env, worker): worker for worker in env.application.workers}
        cluster = state.outputs("platform").get("ClusterName", naming.cluster_name(env))
        return [
            Happening(each.id, each.at, "ecs", names.get(service.name, service.name), _PREFIX.sub("", each.text))
            for service in self._target.aws.ecs.services(cluster, tuple(names))
            for each in service.history
            if each.at is not None
        ]

    def _of_alarms(self, state: RemoteState, begin: datetime) -> list[Happening]:
        found: list[Happening] = []
        for physical, logical in self._alarms_of(state).items():
            for change in self._target.aws.alarms.changes(physical, begin):
                if change.after and change.after == change.before:  # of the emulator, when an alarm is made
                    continue
                what = f"{change.before} → {change.after}" if change.after else change.summary
                name = f"{physical} {change.at.isoformat()} {what}"
                found.append(Happening(name, change.at, "cloudwatch", logical, what, change.reason))
        return found

    def _alarms_of(self, state: RemoteState) -> dict[str, str]:
        """Logical ids by name, as CloudFormation names alarms; asked again once a stack was updated."""
        found: dict[str, str] = {}
        for template in self._target.templates:
            stack = state.stacks.get(template.stack)
            if stack is None or _ALARM not in template.body:
                continue
            key = (stack.id, stack.updated)
            if key not in self._alarms:
                resources = self._target.aws.in_region(template.region).cloudformation.resources(stack.id)
                self._alarms[key] = {
                    each.physical_id: each.logical_id for each in resources if each.type == _ALARM and each.physical_id
                }
            found |= self._alarms[key]
        return found


def _of_stack(name: str, event: StackEvent) -> Happening:
    what = "the stack" if event.is_stack else f"{event.logical_id} ({event.type})"
    return Happening(event.id, event.at, "cloudformation", name, f"{event.status} {what}", event.reason)


@dataclass(slots=True)
class _Known:
    """A stack as it was listed last. `moved` is when that changed; `asked` when its events were read last."""

    id: str
    status: str
    updated: datetime | None
    moved: datetime
    asked: datetime | None = None

    @property
    def region(self) -> str | None:
        """As its ARN tells it."""
        parts = self.id.split(":")
        return parts[3] if len(parts) > 3 else None

    @property
    def rests(self) -> bool:
        """Whether all that it did is told."""
        still = self.asked is not None and self.asked - self.moved >= _BEHIND
        return still and not self.status.endswith("_IN_PROGRESS")
