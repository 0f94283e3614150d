"""A CloudFormation in memory: enough of its rules that the executor is tested against what AWS refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from opsctl.aws.cloudformation import Change, ChangeSet, Stack, StackEvent, StackResource
from opsctl.aws.errors import AwsError
from opsctl.deploy import planner
from opsctl.deploy.events import Event
from opsctl.deploy.stackrun import Consent, StackRunner
from opsctl.deploy.state import RemoteState
from opsctl.deploy.stream import Follower, Pace
from opsctl.stacks.model import StackTemplate

START = datetime(2026, 1, 1, tzinfo=UTC)
BODY = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"


def template(stack: str = "platform", body: str = BODY, **more: object) -> StackTemplate:
    """A stack with one topic."""
    return StackTemplate(stack=stack, physical_name=f"dev-{stack}", body=body, **more)  # type: ignore[arg-type]


@dataclass
class Operation:
    """What the next operation of a stack leads to: the statuses it passes, and resource events before the last."""

    statuses: Sequence[str]
    failures: Sequence[tuple[str, str, str]] = ()


@dataclass
class FakeCloudFormation:
    """Stacks by name. `script` holds, by call, what operations lead to; without one they succeed."""

    stacks_by_name: dict[str, Stack] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)
    script: dict[str, list[Operation]] = field(default_factory=dict)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    next_change_set: ChangeSet | None = None
    next_failures: list[str] = field(default_factory=list)
    stack_resources: list[StackResource] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    history: dict[str, list[StackEvent]] = field(default_factory=dict)
    pending: dict[str, list[str]] = field(default_factory=dict)
    requests: dict[str, dict[str, object]] = field(default_factory=dict)
    results: dict[str, dict[str, str]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def put(self, stack: StackTemplate, status: str, **more: object) -> Stack:
        """A stack that is there already."""
        arn = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{stack.physical_name}/1"
        known = Stack(stack.physical_name, arn, status, **more)  # type: ignore[arg-type]
        self.stacks_by_name[stack.physical_name] = known
        self.bodies[stack.physical_name] = stack.body
        return known

    # -- reading ---------------------------------------------------------------------------------------------------

    def stacks(self) -> list[Stack]:
        return [stack for stack in self.stacks_by_name.values() if stack.status != "DELETE_COMPLETE"]

    def _find(self, name: str) -> Stack | None:
        return next((item for item in self.stacks_by_name.values() if name in {item.name, item.id}), None)

    def stack(self, name: str) -> Stack | None:
        found = self._find(name)
        if found is None or (found.status == "DELETE_COMPLETE" and name != found.id):
            return None
        return found

    def template(self, name: str) -> str:
        found = self._find(name)
        assert found is not None
        return self.bodies[found.name]

    def events(self, name: str) -> Iterator[StackEvent]:
        """Newest first. Reading moves a running operation one status on."""
        found = self._find(name)
        assert found is not None, name
        if self.pending.get(found.name):
            self._enter(found.name, self.pending[found.name].pop(0))
        return iter(self.history.get(found.name, [])[::-1])

    def resources(self, name: str) -> list[StackResource]:
        self.calls.append(("resources", name))
        return self.stack_resources

    def change_set(self, arn: str) -> ChangeSet:
        return self.change_sets[arn]

    def validation_failures(self, change_set_arn: str) -> list[str]:
        self.calls.append(("validation_failures", change_set_arn))
        return self.next_failures

    # -- writing ---------------------------------------------------------------------------------------------------

    def create_change_set(
        self, *, stack: str, name: str, kind: Literal["CREATE", "UPDATE"], token: str, parameters: Mapping[str, str],
        tags: Mapping[str, str], capabilities: tuple[str, ...], template_body: str | None = None,
        template_url: str | None = None, description: str = "",
    ) -> str:  # fmt: skip
        self.calls.append(("create_change_set", stack))
        known = self.stack(stack)
        fresh = known is None or known.status == "REVIEW_IN_PROGRESS"
        if fresh != (kind == "CREATE"):
            raise AwsError(f"Stack {stack} is not in a state for {kind}", aws_code="ValidationError")
        if known is not None and known.status in {"ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS", "CREATE_FAILED"}:
            raise AwsError(
                f"Stack:{stack} is in {known.status} state and can not be updated.", aws_code="ValidationError"
            )
        if known is None:
            self.put(StackTemplate(stack="app", physical_name=stack, body=""), "REVIEW_IN_PROGRESS")
        self.requests[name] = {
            "stack": stack, "parameters": dict(parameters), "tags": dict(tags), "body": template_body,
            "url": template_url, "token": token, "kind": kind,
        }  # fmt: skip
        prepared = self.next_change_set or ChangeSet(name, "CREATE_COMPLETE", "", "AVAILABLE")
        self.change_sets[name] = replace(prepared, name=name)
        return name

    def execute_change_set(self, arn: str, *, token: str) -> None:
        request = self.requests[arn]
        stack = str(request["stack"])
        self.calls.append(("execute_change_set", stack))
        verb = str(request["kind"])
        known = self.stacks_by_name[stack]
        body = request["body"]
        self.bodies[stack] = body if isinstance(body, str) else ""
        self.stacks_by_name[stack] = replace(
            known, parameters=request["parameters"], tags=request["tags"], outputs=self.results.get(stack, {})  # type: ignore[arg-type]
        )  # fmt: skip
        self._begin(stack, f"execute:{verb}", [f"{verb}_IN_PROGRESS", f"{verb}_COMPLETE"])

    def delete_change_set(self, arn: str) -> None:
        self.calls.append(("delete_change_set", arn))

    def delete_stack(self, name: str, *, token: str, retain: Sequence[str] = ()) -> None:
        self.calls.append(("delete_stack", name))
        self._begin(name, "delete", ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"])

    def continue_rollback(self, name: str, *, token: str) -> None:
        self.calls.append(("continue_rollback", name))
        self._begin(name, "continue", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"])

    def rollback(self, name: str, *, token: str) -> None:
        self.calls.append(("rollback", name))
        self._begin(name, "rollback", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"])

    def protect(self, name: str, *, enabled: bool) -> None:
        self.calls.append(("protect", f"{name}={enabled}"))
        self.stacks_by_name[name] = replace(self.stacks_by_name[name], termination_protection=enabled)

    @property
    def writes(self) -> list[str]:
        """Calls that change something, in order."""
        reads = {"resources", "validation_failures"}
        return [call for call, _ in self.calls if call not in reads]

    def run_on(self, stack: StackTemplate, statuses: Sequence[str]) -> None:
        """An operation that somebody else started: the stack goes through these statuses as it is watched."""
        self._enter(stack.physical_name, self.stacks_by_name[stack.physical_name].status)
        self.pending[stack.physical_name] = list(statuses)

    def record(self, stack: StackTemplate, *events: tuple[str, str, str]) -> None:
        """Old events, as (logical id, status, reason); the stack's own id is its physical name."""
        for logical_id, status, reason in events:
            self._event(stack.physical_name, logical_id, status, reason)

    def _begin(self, name: str, key: str, statuses: list[str]) -> None:
        planned = self.script.get(key)
        operation = planned.pop(0) if planned else Operation(statuses)
        first, *rest = operation.statuses
        self._enter(name, first)
        for logical_id, status, reason in operation.failures:
            self._event(name, logical_id, status, reason)
        self.pending[name] = rest

    def _enter(self, name: str, status: str) -> None:
        self.stacks_by_name[name] = replace(self.stacks_by_name[name], status=status)
        self._event(name, name, status, "")

    def _event(self, name: str, logical_id: str, status: str, reason: str) -> None:
        log = self.history.setdefault(name, [])
        arn = self.stacks_by_name[name].id
        own = logical_id == name
        log.append(
            StackEvent(
                id=f"{name}-{len(log)}", stack_id=arn, at=START + timedelta(seconds=len(log)), logical_id=logical_id,
                physical_id=arn if own else f"physical-{logical_id}",
                type="AWS::CloudFormation::Stack" if own else self.types.get(logical_id, "AWS::SNS::Topic"),
                status=status, reason=reason,
            )
        )  # fmt: skip


@dataclass
class FakeDatabases:
    """RDS instances by identifier and status."""

    instances: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    on_delete: Callable[[str], None] = lambda identifier: None

    def status(self, identifier: str) -> str | None:
        return self.instances.get(identifier)

    def lift_protection(self, identifier: str) -> None:
        self.calls.append(("lift_protection", identifier))

    def delete(self, identifier: str, *, final_snapshot: str | None) -> None:
        self.calls.append(("delete", final_snapshot or "no snapshot"))
        self.on_delete(identifier)
        self.instances.pop(identifier)


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
    """A runner on fakes, and what it emitted."""

    api: FakeCloudFormation = field(default_factory=FakeCloudFormation)
    databases: FakeDatabases = field(default_factory=FakeDatabases)
    events: list[Event] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    uploaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.detach = Detach(self.clock)

    def runner(self, consent: Consent | None = None, deadline: float = 3600.0) -> StackRunner:
        """A runner whose waits cost no time."""
        follower = Follower(
            self.api, self.events.append, Pace(5.0, deadline), clock=self.clock, detach=self.detach
        )  # fmt: skip

        def upload(item: StackTemplate) -> str:
            self.uploaded.append(item.stack)
            return f"https://bucket.s3.us-east-1.amazonaws.com/templates/{item.digest}.yaml"

        return StackRunner(
            self.api, follower, self.events.append, run_id="run", consent=consent or Consent(),
            pause=self.clock.sleep, upload=upload, databases=self.databases,
        )  # fmt: skip

    def state(self, *templates: StackTemplate) -> RemoteState:
        """What is deployed, as the planner reads it."""
        found = {item.stack: stack for item in templates if (stack := self.api.stack(item.physical_name))}
        bodies = {name: self.api.bodies[stack.name] for name, stack in found.items()}
        return RemoteState(found, bodies)  # type: ignore[arg-type]

    def run(
        self, item: StackTemplate, consent: Consent | None = None, context: planner.Context | None = None
    ) -> object:
        """Run one stack against its current state."""
        return self.runner(consent).run(item, self.state(item), context or {})


def change(logical_id: str, kind: str, action: str = "Modify", replacement: str = "True") -> Change:
    """A change of a change set."""
    return Change(logical_id, kind, action, replacement, ("Engine",))
