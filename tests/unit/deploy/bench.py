"""One stack's runner on fakes, whose waits cost no time and whose writes are watched."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from opsctl.deploy.events import Event
from opsctl.deploy.planning import planner
from opsctl.deploy.planning.plan import Consent
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.stackrun.removal import StackRemover
from opsctl.deploy.stackrun.runner import Deployed, StackRunner
from opsctl.deploy.stackrun.stream import Follower, Pace
from opsctl.deploy.stackrun.watch import RolloutWatch
from opsctl.stacks.model import StackTemplate

from .fakes import READS, FakeCloudFormation
from .services import FakeDatabases, FakeRegion

if TYPE_CHECKING:
    from opsctl.aws.session import Aws


class Clock:
    """Time that moves only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Detach(threading.Event):
    """An event whose waiting moves the clock instead of the day."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.sleep(timeout or 0)
        return self.is_set()


@dataclass
class Bench:
    """A runner on fakes, and what it emitted. After `allowed_writes`, `forbidden` is raised before the next one."""

    region: FakeRegion = field(default_factory=FakeRegion)
    events: list[Event] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    uploaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.detach = Detach(self.clock)
        self.forbidden: Exception | None = None
        self.allowed_writes = 1_000
        self.watch: RolloutWatch | None = None

    @property
    def api(self) -> FakeCloudFormation:
        """CloudFormation of the region."""
        return self.region.cloudformation

    @property
    def databases(self) -> FakeDatabases:
        """RDS of the region."""
        return self.region.rds

    def before_write(self) -> None:
        """What a deploy asks before each write."""
        self.api.calls.append(("before_write", ""))
        self.allowed_writes -= 1
        if self.allowed_writes < 0 and self.forbidden is not None:
            raise self.forbidden

    def unguarded(self) -> list[str]:
        """Writes before which nobody asked whether they may be made."""
        names = [call for call, _ in self.api.calls]
        pairs = zip(["", *names], names, strict=False)
        return [call for before, call in pairs if call not in READS and before != "before_write"]

    def runner(self, consent: Consent | None = None, deadline: float = 3600.0) -> StackRunner:
        """A runner whose waits cost no time."""
        aws = cast("Aws", self.region)
        follower = Follower(
            aws.cloudformation, self.events.append, Pace(5.0, deadline), clock=self.clock, detach=self.detach,
            watch=self.watch,
        )  # fmt: skip
        remover = StackRemover(
            aws, follower, self.events.append, poll_seconds=5.0, clock=self.clock,
            before_write=self.before_write,
        )  # fmt: skip

        def upload(item: StackTemplate) -> str:
            self.uploaded.append(item.stack)
            return f"https://bucket.s3.us-east-1.amazonaws.com/templates/dev/{item.digest}.yaml?versionId=1"

        return StackRunner(
            aws, follower, remover, self.events.append, run_id="run", consent=consent or Consent(),
            clock=self.clock, upload=upload, before_write=self.before_write,
        )  # fmt: skip

    def state(self, *templates: StackTemplate) -> RemoteState:
        """What is deployed, as the planner reads it."""
        found = {item.stack: stack for item in templates if (stack := self.api.stack(item.physical_name))}
        bodies = {name: self.api.bodies[stack.name] for name, stack in found.items()}
        return RemoteState(found, bodies)  # type: ignore[arg-type]

    def run(
        self,
        item: StackTemplate,
        consent: Consent | None = None,
        context: planner.Context | None = None,
        deadline: float = 3600.0,
    ) -> Deployed:
        """Run one stack against its current state; no write may be made unasked, however it ends."""
        try:
            return self.runner(consent, deadline).run(item, self.state(item), context or {})
        finally:
            assert self.unguarded() == []
