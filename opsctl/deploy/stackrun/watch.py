"""Looks at the services that a stack's operation rolls out, now and then, and stops the waiting for a hopeless one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opsctl.aws.cloudformation import StackEvent
from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.config import naming
from opsctl.deploy.events import Emit, Note
from opsctl.deploy.evidence.places import SERVICE
from opsctl.deploy.rollout import Rollout, observe
from opsctl.deploy.watchdog import Verdict, judge

if TYPE_CHECKING:
    from opsctl.aws.session import Aws
    from opsctl.config.models import Environment
    from opsctl.stacks.model import StackTemplate

EVERY_SECONDS = 10.0
_KEPT = 90  # looks; a quarter of an hour of them


class HopelessRolloutError(Exception):
    """A rollout can't succeed, so nobody has to wait for it. `event` began the service's operation."""

    def __init__(self, verdict: Verdict, event: StackEvent) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict
        self.event = event


@dataclass(slots=True)
class _Service:
    event: StackEvent
    looked: float
    deployment: str = ""
    seen: deque[Rollout] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def is_of_this_operation(self, found: Rollout) -> bool:
        """Whether the deployment in force is the one that this operation began: not the release before, which may
        crash while its cure is on the way, and not what ECS goes back to by itself.
        """
        if not self.deployment and found.begun >= self.event.at.replace(microsecond=0):
            self.deployment = found.deployment
        return found.deployment == self.deployment


class RolloutWatch:
    """Told of every event and asked at every poll, as `countdown.Countdown` is. `names`: ECS service by logical id.

    `look` reads one service, see `rollout.observe`; nothing is read but while CloudFormation makes or changes it.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        look: Callable[[str], Rollout | None],
        emit: Emit,
        clock: Callable[[], float],
        *,
        every_seconds: float = EVERY_SECONDS,
        local: bool = False,
        own_health: bool = False,
    ) -> None:
        """`local` and `own_health` as `watchdog.judge` has them."""
        self._local = local
        self._own_health = own_health
        self._names = names
        self._look = look
        self._emit = emit
        self._clock = clock
        self._every = every_seconds
        self._forward = True
        self._services: dict[str, _Service] = {}
        self._told = False

    def note(self, event: StackEvent) -> None:
        """Begin to look when a service's operation starts; stop when it ends, or the stack goes back."""
        if event.is_stack:
            self._forward = event.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}
            if not self._forward:
                self._services.clear()
        elif event.type == SERVICE and event.logical_id in self._names:
            if self._forward and event.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}:
                self._services.setdefault(event.logical_id, _Service(event, self._clock()))
            else:
                self._services.pop(event.logical_id, None)

    def tick(self) -> None:
        """Look where it is time. Raises HopelessRolloutError; what AWS does not tell is no reason for anything."""
        for logical_id, service in list(self._services.items()):
            now = self._clock()
            if now - service.looked < self._every:
                continue
            service.looked = now
            try:
                found = self._look(self._names[logical_id])
            except AwsError as error:
                self._excuse(error)
                continue
            if found is None or not service.is_of_this_operation(found):
                continue
            service.seen.append(found)
            verdict = judge(tuple(service.seen), local=self._local, own_health=self._own_health)
            if verdict is not None:
                self._services.clear()
                raise HopelessRolloutError(verdict, service.event)

    def _excuse(self, error: AwsError) -> None:
        """Say once that nobody watches; who may not look now, may not look later."""
        if not self._told:
            self._told = True
            self._emit(Note(f"The rollout is not watched, so a hopeless one takes longer to end: {error.message}"))
        if isinstance(error, AwsRefusedError):
            self._services.clear()


def watch_of(
    template: StackTemplate,
    env: Environment,
    aws: Aws,
    cluster: str,
    emit: Emit,
    clock: Callable[[], float],
    poll: float,
) -> RolloutWatch | None:
    """The watch of a stack whose template has services; None without. A stack with data is left to CloudFormation.

    `poll` is the time between two questions to CloudFormation: one look for several of those.
    """
    if template.stateful or SERVICE not in template.body:
        return None
    names = {"Service": naming.service_name(env)}
    names |= {naming.worker_service_id(name): naming.worker_name(env, name) for name in env.application.workers}

    def look(name: str) -> Rollout | None:
        return observe(aws, cluster=cluster, service=name, clock=clock)

    return RolloutWatch(
        names, look, emit, clock, every_seconds=min(EVERY_SECONDS, 5 * poll), local=env.target == "local",
        own_health=env.application.web.health.path is None,
    )  # fmt: skip
