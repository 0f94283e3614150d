"""An account in memory: enough of AWS's rules that the executor is tested against what AWS refuses.

Writes of all services go into one list, `calls`, in their order; a reading call is in it only where a test asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from opsctl.aws.cloudformation import Change, ChangeSet, Stack, StackEvent, StackResource
from opsctl.aws.errors import AwsError
from opsctl.stacks.model import StackTemplate

START = datetime(2026, 1, 1, tzinfo=UTC)
BODY = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"
READS = frozenset({"resources", "validation_failures", "before_write"})
Calls = list[tuple[str, str]]


def template(stack: str = "platform", body: str = BODY, **more: object) -> StackTemplate:
    """A stack with one topic."""
    return StackTemplate(stack=stack, physical_name=f"dev-{stack}", body=body, **more)  # type: ignore[arg-type]


def resource(logical_id: str, kind: str, physical_id: str = "", status: str = "CREATE_COMPLETE") -> StackResource:
    """A resource of a deployed stack."""
    return StackResource(logical_id, physical_id or f"id-{logical_id.lower()}", kind, status)


def change(logical_id: str, kind: str, action: str = "Modify", replacement: str = "True") -> Change:
    """A change of a change set."""
    return Change(logical_id, kind, action, replacement, ("Engine",))


def refused(text: str, code: str = "ValidationError") -> AwsError:
    """AWS's answer to what it does not take."""
    return AwsError(text, aws_code=code)


@dataclass
class Operation:
    """What the next operation of a stack leads to: the statuses it passes, and resource events before the last."""

    statuses: Sequence[str]
    failures: Sequence[tuple[str, str, str]] = ()


@dataclass
class FakeCloudFormation:
    """Stacks by name. `script` holds, by call, what operations lead to; without one they succeed.

    `undeletable` tells why a resource can't be deleted, "" when it can. For the next `behind` questions DescribeStacks
    answers what was true before the operation that runs.
    """

    stacks_by_name: dict[str, Stack] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)
    script: dict[str, list[Operation]] = field(default_factory=dict)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    next_change_set: ChangeSet | None = None
    next_failures: list[str] = field(default_factory=list)
    stack_resources: list[StackResource] = field(default_factory=list)
    calls: Calls = field(default_factory=list)
    history: dict[str, list[StackEvent]] = field(default_factory=dict)
    events_read: int = 0
    pending: dict[str, list[str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    requests: dict[str, dict[str, object]] = field(default_factory=dict)
    results: dict[str, dict[str, str]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    undeletable: Callable[[StackResource], str] = lambda _: ""
    behind: int = 0
    stale: dict[str, Stack] = field(default_factory=dict)

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
        if found is not None and self.behind and found.name in self.stale:
            self.behind -= 1
            return self.stale[found.name]
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
        for event in self.history.get(found.name, [])[::-1]:
            self.events_read += 1
            yield event

    def resources(self, name: str) -> list[StackResource]:
        self.calls.append(("resources", name))
        return self.stack_resources

    def change_set(self, arn: str) -> ChangeSet:
        if arn not in self.change_sets:
            raise refused(f"ChangeSet [{arn}] does not exist", "ChangeSetNotFound")
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
        known = self._find(stack)
        status = known.status if known is not None else "DELETE_COMPLETE"
        fresh = status in {"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"}
        if fresh and kind == "UPDATE":
            raise refused(f"Stack [{stack}] does not exist")
        if not fresh and kind == "CREATE":
            text = f"Stack [{stack}] already exists and cannot be created again with the changeSet [{name}]."
            raise refused(text)
        if not fresh and (status == "ROLLBACK_COMPLETE" or status.endswith(("_IN_PROGRESS", "_FAILED"))):
            raise refused(f"Stack:{stack} is in {status} state and can not be updated.")
        body = template_body or ""
        if "AWS::IAM::" in body and not {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"} & set(capabilities):
            raise refused("Requires capabilities : [CAPABILITY_NAMED_IAM]", "InsufficientCapabilitiesException")
        if "Transform:" in body and "CAPABILITY_AUTO_EXPAND" not in capabilities:
            raise refused("Requires capabilities : [CAPABILITY_AUTO_EXPAND]", "InsufficientCapabilitiesException")
        if known is None or status == "DELETE_COMPLETE":
            self.put(StackTemplate(stack="app", physical_name=stack, body=""), "REVIEW_IN_PROGRESS")
        self.requests[name] = {
            "stack": stack, "parameters": dict(parameters), "tags": dict(tags), "body": template_body,
            "url": template_url, "token": token, "kind": kind,
        }  # fmt: skip
        prepared = self.next_change_set or ChangeSet(name, "CREATE_COMPLETE", "", "AVAILABLE")
        self.change_sets[name] = replace(prepared, name=name, stack_id=self.stacks_by_name[stack].id)
        return name

    def execute_change_set(self, arn: str, *, token: str) -> None:
        request = self.requests[arn]
        stack = str(request["stack"])
        if arn not in self.change_sets:
            raise refused(f"ChangeSet [{arn}] does not exist", "ChangeSetNotFound")
        if self.change_sets[arn].execution_status != "AVAILABLE":
            raise refused(f"ChangeSet [{arn}] cannot be executed in its current status", "InvalidChangeSetStatus")
        self.calls.append(("execute_change_set", stack))
        verb = str(request["kind"])
        known = self.stacks_by_name[stack]
        body = request["body"]
        self.bodies[stack] = body if isinstance(body, str) else ""
        self.stacks_by_name[stack] = replace(
            known, parameters=request["parameters"], tags=request["tags"], outputs=self.results.get(stack, {})  # type: ignore[arg-type]
        )  # fmt: skip
        # Executing one deletes the stack's others. [UG CFN, change sets]
        others = [name for name in self.change_sets if self.requests[name]["stack"] == stack]
        for name in others:
            del self.change_sets[name]
        self._begin(stack, f"execute:{verb}", [f"{verb}_IN_PROGRESS", f"{verb}_COMPLETE"], token)

    def delete_change_set(self, arn: str) -> None:
        self.calls.append(("delete_change_set", arn))
        self.change_sets.pop(arn, None)

    def delete_stack(self, name: str, *, token: str, retain: Sequence[str] = ()) -> None:
        self.calls.append(("delete_stack", name))
        if self.stacks_by_name[name].status == "DELETE_COMPLETE":
            return  # a success, of which no event tells
        if self.stacks_by_name[name].status.startswith("UPDATE_") and name in self._busy:
            raise refused(f"Stack [{name}] cannot be deleted while in status {self.stacks_by_name[name].status}")
        if self.stacks_by_name[name].termination_protection:
            raise refused(f"Stack [{name}] cannot be deleted while TerminationProtection is enabled")
        held = [(item.logical_id, self.undeletable(item)) for item in self.stack_resources]
        failures = [(logical_id, "DELETE_FAILED", reason) for logical_id, reason in held if reason]
        end = "DELETE_FAILED" if failures else "DELETE_COMPLETE"
        self._begin(name, "delete", ["DELETE_IN_PROGRESS", end], token, failures)

    @property
    def _busy(self) -> set[str]:
        return {name for name, stack in self.stacks_by_name.items() if stack.status.endswith("_IN_PROGRESS")}

    def cancel_update(self, name: str, *, token: str) -> None:
        self.calls.append(("cancel_update", name))
        if self.stacks_by_name[name].status != "UPDATE_IN_PROGRESS":
            raise refused("CancelUpdateStack cannot be called from current stack status")
        self._begin(name, "cancel", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"], token)

    def continue_rollback(self, name: str, *, token: str, skip: Sequence[str] = ()) -> None:
        self.calls.append(("continue_rollback", " ".join([name, *skip])))
        self._only_in(name, "UPDATE_ROLLBACK_FAILED")
        if not set(skip) <= {item.logical_id for item in self.stack_resources if item.status == "UPDATE_FAILED"}:
            raise refused("ResourcesToSkip may only contain resources in state UPDATE_FAILED")
        self._begin(name, "continue", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"], token)

    def rollback(self, name: str, *, token: str) -> None:
        self.calls.append(("rollback", name))
        self._only_in(name, "UPDATE_FAILED", "CREATE_FAILED")
        self._begin(name, "rollback", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"], token)

    def _only_in(self, name: str, *statuses: str) -> None:
        status = self.stacks_by_name[name].status
        if status not in statuses:
            raise refused(f"Stack:{name} is in {status} state and can not be rolled back.")

    def protect(self, name: str, *, enabled: bool) -> None:
        self.calls.append(("protect", f"{name}={enabled}"))
        self.stacks_by_name[name] = replace(self.stacks_by_name[name], termination_protection=enabled)

    @property
    def writes(self) -> list[str]:
        """Calls that change something, in order."""
        return [call for call, _ in self.calls if call not in READS]

    def run_on(self, stack: StackTemplate, statuses: Sequence[str]) -> None:
        """An operation that somebody else started: the stack goes through these statuses as it is watched."""
        self.tokens[stack.physical_name] = "somebody-elses"
        self._enter(stack.physical_name, self.stacks_by_name[stack.physical_name].status)
        self.pending[stack.physical_name] = list(statuses)

    def record(self, stack: StackTemplate, *events: tuple[str, str, str]) -> None:
        """Old events, as (logical id, status, reason); the stack's own id is its physical name."""
        self.tokens[stack.physical_name] = "before"
        for logical_id, status, reason in events:
            self._event(stack.physical_name, logical_id, status, reason)

    def _begin(
        self, name: str, key: str, statuses: list[str], token: str, failures: Sequence[tuple[str, str, str]] = ()
    ) -> None:
        planned = self.script.get(key)
        operation = planned.pop(0) if planned else Operation(statuses, failures)
        self.stale[name] = self.stacks_by_name[name]
        self.tokens[name] = token
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
                status=status, reason=reason, token=self.tokens.get(name, ""),
            )
        )  # fmt: skip
