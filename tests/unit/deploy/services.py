"""The services of one region beside CloudFormation, in memory: each takes only what AWS takes in the state it is in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from opsctl.aws.cloudformation import StackResource
from opsctl.aws.drift import ResourceDrift
from opsctl.aws.ecs import Task
from opsctl.aws.errors import AwsError
from opsctl.aws.load_balancers import TargetHealth
from opsctl.aws.logs import LogGroup, LogPage, Logs
from opsctl.aws.rds import Instance
from opsctl.deploy.stackrun.removal import is_working

from .fakes import Calls, FakeCloudFormation, refused


@dataclass
class FakeDatabase:
    """An instance. `changing`: how many looks find it `modifying` after a change, `deleting` after its deletion.

    `then` are the statuses of the looks after the next one; `gone` stands for its end.
    """

    status: str = "available"
    protected: bool = True
    changing: int = 1
    then: list[str] = field(default_factory=list)


@dataclass
class FakeDatabases:
    """RDS: takes a change or a deletion only in a state for it, and deletes nothing that is protected."""

    calls: Calls = field(default_factory=list)
    instances: dict[str, FakeDatabase] = field(default_factory=dict)

    def instance(self, identifier: str) -> Instance | None:
        found = self.instances.get(identifier)
        if found is None:
            return None
        seen = Instance(found.status, found.protected)
        if found.then:
            found.status = found.then.pop(0)
            if found.status == "gone":
                del self.instances[identifier]
        return seen

    def start(self, identifier: str) -> None:
        self.calls.append(("start_database", identifier))
        self._in_state(identifier, "stopped")
        self._pass(identifier, ["starting", "available"])

    def lift_protection(self, identifier: str) -> None:
        self.calls.append(("lift_database", identifier))
        self._in_state(identifier, "available", "storage-optimization")
        self.instances[identifier].protected = False
        self._pass(identifier, ["modifying"] * self.instances[identifier].changing + ["available"])

    def delete(self, identifier: str, *, final_snapshot: str | None, keep_backups: bool) -> None:
        kept = ", backups kept" if keep_backups else ""
        self.calls.append(("delete_database", f"{identifier} {final_snapshot or 'without'}{kept}"))
        found = self.instances[identifier]
        if found.protected:
            text = "Cannot delete protected DB Instance, please disable deletion protection and try again."
            raise refused(text, "InvalidParameterCombination")
        if is_working(found.status) or (final_snapshot and found.status != "available"):
            raise refused(f"Instance {identifier} is not in available state.", "InvalidDBInstanceState")
        self._pass(identifier, ["deleting"] * found.changing + ["gone"])

    def _in_state(self, identifier: str, *states: str) -> None:
        if self.instances[identifier].status not in states:
            raise refused(f"Database instance {identifier} is not in {states[0]} state.", "InvalidDBInstanceState")

    def _pass(self, identifier: str, statuses: list[str]) -> None:
        self.instances[identifier].status, *self.instances[identifier].then = statuses


@dataclass
class FakeLoadBalancers:
    """Load balancers whose deletion is protected."""

    calls: Calls
    protected: set[str] = field(default_factory=set)
    targets: tuple[TargetHealth, ...] = ()

    def target_health(self, group: str) -> tuple[TargetHealth, ...]:
        return self.targets

    def lift_protection(self, arn: str) -> None:
        self.calls.append(("lift_load_balancer", arn))
        self.protected.discard(arn)


@dataclass
class FakeBuckets:
    """Buckets that hold something."""

    calls: Calls
    filled: set[str] = field(default_factory=set)

    def empty(self, bucket: str) -> int:
        self.calls.append(("empty_bucket", bucket))
        self.filled.discard(bucket)
        return 1

    def delete_bucket(self, bucket: str) -> None:
        self.calls.append(("delete_bucket", bucket))


@dataclass
class FakeTasks:
    """One-off tasks, each of which is seen once more after it was told to stop."""

    calls: Calls
    running: dict[str, bool] = field(default_factory=dict)

    def one_off_tasks(self, cluster: str) -> list[Task]:
        seen = [Task(arn, "RUNNING") for arn in self.running]
        self.running = {arn: stopping for arn, stopping in self.running.items() if not stopping}
        return seen

    def stop_task(self, cluster: str, arn: str, *, reason: str) -> None:
        self.calls.append(("stop_task", arn))
        self.running[arn] = True


@dataclass
class FakeLogs(Logs):
    """One log for all streams; groups by name, and what was written about them. `denied` refuses the groups."""

    lines: tuple[str, ...] = ()
    known: dict[str, LogGroup] = field(default_factory=dict)
    writes: list[tuple[str, ...]] = field(default_factory=list)
    denied: AwsError | None = None

    def page(self, group: str, stream: str, token: str | None = None) -> LogPage:
        return LogPage(self.lines if token is None else (), "end")

    def tail(self, group: str, stream: str, count: int = 20) -> tuple[str, ...]:
        return self.lines[-count:]

    def since(self, group: str, start: datetime, count: int = 20) -> tuple[str, ...]:
        return self.lines[-count:]

    def groups(self, prefix: str) -> dict[str, LogGroup]:
        if self.denied is not None:
            raise self.denied
        return {name: group for name, group in self.known.items() if name.startswith(prefix)}

    def create_group(self, name: str, key: str | None) -> None:
        self.writes.append(("create", name, str(key)))
        self.known[name] = LogGroup(None, key)

    def keep_days(self, name: str, days: int) -> None:
        self.writes.append(("keep", name, str(days)))
        self.known[name] = LogGroup(days, self.known[name].key)

    def encrypt_group(self, name: str, key: str | None) -> None:
        self.writes.append(("encrypt", name, str(key)))
        self.known[name] = LogGroup(self.known[name].days, key)

    def delete_group(self, name: str) -> None:
        self.writes.append(("delete", name))
        del self.known[name]


@dataclass
class FakeFunctions:
    """Which functions were made ready to run; waking one waits once."""

    woken: list[str] = field(default_factory=list)

    def wake(self, name: str, pause: Callable[[float], object]) -> None:
        self.woken.append(name)
        pause(0.0)


@dataclass
class FakeDrifts:
    """CloudFormation's look at single resources: those of `changed` differ, `refused` is what it answers instead."""

    changed: dict[str, ResourceDrift] = field(default_factory=dict)
    refused: AwsError | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def resource(self, stack: str, logical_id: str) -> ResourceDrift:
        self.asked.append((stack, logical_id))
        if self.refused is not None:
            raise self.refused
        return self.changed.get(logical_id) or ResourceDrift(logical_id, "id", "AWS::SNS::Topic", "IN_SYNC")


@dataclass
class FakeRegion:
    """One region of an account, as far as stacks and their removal need it."""

    calls: Calls = field(default_factory=list)
    region: str = "us-east-1"

    def __post_init__(self) -> None:
        self.cloudformation = FakeCloudFormation(calls=self.calls, undeletable=self._undeletable)
        self.rds = FakeDatabases(self.calls)
        self.load_balancers = FakeLoadBalancers(self.calls)
        self.s3 = FakeBuckets(self.calls)
        self.ecs = FakeTasks(self.calls)
        self.logs = FakeLogs()
        self.functions = FakeFunctions()

    def _undeletable(self, item: StackResource) -> str:
        if item.physical_id in self.load_balancers.protected:
            return f"Load balancer '{item.physical_id}' cannot be deleted because deletion protection is enabled"
        if item.physical_id in self.s3.filled:
            return "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        return ""


@dataclass
class FakeSecrets:
    """Values by name or ARN; what is not there may not be read."""

    values: dict[str, str] = field(default_factory=dict)

    def read(self, arn: str, stage: str = "AWSCURRENT") -> str | None:
        if arn not in self.values:
            raise refused(f"not authorized to read {arn}", "AccessDeniedException")
        return self.values[arn]
