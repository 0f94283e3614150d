"""Bringing one stack from whatever status it has to the template: the writing half of the 23-status table."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from opsctl.aws.cloudformation import Change, ChangeSet, Stack, StackEvent, StackResource
from opsctl.deploy import compare, planner
from opsctl.deploy.events import Emit, Note, Progress
from opsctl.deploy.plan import UNCHANGED
from opsctl.deploy.state import RemoteState
from opsctl.deploy.statuses import SETTLED, Action, action_for
from opsctl.deploy.stream import EventReader, Followed, Follower
from opsctl.errors import OpsctlError
from opsctl.stacks.model import StackTemplate

# CloudFormation takes a template of up to 51,200 bytes in the request; larger ones must lie in S3.
INLINE_LIMIT = 51_200
_DATABASE = "AWS::RDS::DBInstance"


class StackFailedError(OpsctlError):
    """CloudFormation could not do it. `cause` is the first failed resource."""

    code = "stack-failed"

    def __init__(
        self, message: str, *, hint: str = "", cause: StackEvent | None = None, detail: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.cause = cause


class RefusedChangeError(OpsctlError):
    """Doing it would replace or delete what holds data, and nobody allowed that."""

    code = "replacement-refused"


class StackApi(EventReader, Protocol):
    """What running a stack needs of CloudFormation."""

    def template(self, name: str) -> str: ...
    def create_change_set(
        self,
        *,
        stack: str,
        name: str,
        kind: Literal["CREATE", "UPDATE"],
        token: str,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        capabilities: tuple[str, ...],
        template_body: str | None = None,
        template_url: str | None = None,
        description: str = "",
    ) -> str: ...
    def change_set(self, arn: str) -> ChangeSet: ...
    def validation_failures(self, change_set_arn: str) -> list[str]: ...
    def execute_change_set(self, arn: str, *, token: str) -> None: ...
    def delete_change_set(self, arn: str) -> None: ...
    def delete_stack(self, name: str, *, token: str) -> None: ...
    def continue_rollback(self, name: str, *, token: str) -> None: ...
    def rollback(self, name: str, *, token: str) -> None: ...
    def protect(self, name: str, *, enabled: bool) -> None: ...
    def resources(self, name: str) -> list[StackResource]: ...


class DatabaseApi(Protocol):
    """What removing a half-made database needs of RDS."""

    def status(self, identifier: str) -> str | None: ...
    def lift_protection(self, identifier: str) -> None: ...
    def delete(self, identifier: str, *, final_snapshot: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person agreed to. `allow_replace` holds logical ids; `recreate_data` covers a half-made database."""

    allow_replace: frozenset[str] = frozenset()
    recreate_data: bool = False


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack as it is after its step, and whether anything was written."""

    stack: Stack
    changed: bool


class StackRunner:
    """Runs stacks of one region. `upload` puts a template into the artifact bucket and returns its URL."""

    def __init__(
        self,
        api: StackApi,
        follower: Follower,
        emit: Emit,
        *,
        run_id: str,
        consent: Consent,
        pause: Callable[[float], None],
        upload: Callable[[StackTemplate], str],
        databases: DatabaseApi,
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._follower = follower
        self._emit = emit
        self._run_id = run_id
        self._consent = consent
        self._pause = pause
        self._upload = upload
        self._databases = databases
        self._before_write = before_write
        self._operations = itertools.count(1)

    def run(self, template: StackTemplate, state: RemoteState, context: planner.Context) -> Deployed:
        """Bring the stack to its template. Raises StackFailedError, RefusedChangeError and AWS errors.

        Each turn does what the status asks for; the longest way is follow, continue a rollback, update.
        """
        changed = False
        for turn in range(8):
            stack = state.stacks.get(template.stack) if turn == 0 else self._api.stack(template.physical_name)
            now = self._with(state, template, stack)
            plan = planner.plan_stack(template, now, context)
            if plan.action == UNCHANGED:
                assert stack is not None
                return Deployed(stack, changed)
            if plan.action in {Action.CREATE.value, Action.UPDATE.value}:
                return self._apply(template, now, context, Action(plan.action), changed)
            assert stack is not None
            self._emit(Note(f"{template.stack} is {stack.status}: {plan.action}."))
            self._settle(template, stack, Action(plan.action))
            changed = True
        raise StackFailedError(
            f"{template.physical_name} does not come to rest.",
            hint=f"Look at `aws cloudformation describe-stack-events --stack-name {template.physical_name}`.",
        )

    def _with(self, state: RemoteState, template: StackTemplate, stack: Stack | None) -> RemoteState:
        """The state with this stack as it is now."""
        stacks = {name: item for name, item in state.stacks.items() if name != template.stack}
        bodies = {name: body for name, body in state.bodies.items() if name != template.stack}
        if stack is not None:
            stacks[template.stack] = stack
            if action_for(stack.status) is Action.UPDATE:
                known = state.stacks.get(template.stack)
                same = known is not None and known.updated == stack.updated and known.status == stack.status
                body = state.bodies.get(template.stack) if same else None
                bodies[template.stack] = body if body is not None else self._api.template(stack.id)
        return RemoteState(stacks, bodies)

    def _settle(self, template: StackTemplate, stack: Stack, action: Action) -> None:
        """Bring a stack that can't be updated into a status from which it can."""
        if action is Action.REFUSE:
            raise StackFailedError(
                f"{stack.name} is {stack.status}, from which no call leads on: {stack.reason or 'no reason given'}.",
                hint=f"Repair it by hand: `aws cloudformation describe-stack-events --stack-name {stack.name}`.",
            )
        if action is Action.FOLLOW:
            # The operation was running before us: show what it did so far as well.
            self._follower.follow(template.stack, stack.id, since=self._operation_start(stack))
            return
        self._before_write()
        since = self._follower.newest(stack.id)
        if action is Action.CONTINUE_ROLLBACK:
            self._api.continue_rollback(stack.name, token=self._token(template.stack))
            after = self._follower.follow(template.stack, stack.id, since=since)
            if after.stack is not None and after.stack.status == "UPDATE_ROLLBACK_FAILED":
                raise self._failure(template, after, f"could not roll {template.physical_name} back")
        elif action is Action.ROLL_BACK:
            self._api.rollback(stack.name, token=self._token(template.stack))
            self._follower.follow(template.stack, stack.id, since=since)
        elif action is Action.RECREATE:
            self._remove_failed(template, stack, since)

    def _operation_start(self, stack: Stack) -> str:
        """Id of the event before the running operation began, to show all of it; "" for the stack's first."""
        events = list(self._api.events(stack.id))
        for index, event in enumerate(events):
            if event.is_stack and event.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}:
                return events[index + 1].id if index + 1 < len(events) else ""
        return ""

    def _remove_failed(self, template: StackTemplate, stack: Stack, since: str) -> None:
        """Delete what a failed create left. A stack that was ever complete and holds data is never deleted here."""
        events = list(self._api.events(stack.id))[::-1]
        cause = Followed(None, [event for event in events if event.status.endswith("_FAILED")]).cause
        if cause is not None:
            self._emit(Note(f"The earlier attempt failed at {cause.logical_id}: {cause.reason or cause.status}"))
        ever_complete = any(event.is_stack and event.status in SETTLED for event in events)
        if template.stateful and ever_complete:
            raise RefusedChangeError(
                f"{stack.name} is {stack.status} and was complete before, so it may hold data; it is not deleted.",
                code="holds-data",
                hint="To remove it for good: `opsctl destroy --delete-data`; to keep it, repair the stack by hand: "
                f"`aws cloudformation describe-stack-events --stack-name {stack.name}`.",
            )
        databases = [item for item in self._api.resources(stack.id) if item.type == _DATABASE and item.physical_id]
        databases.sort(key=lambda item: "Replica" not in item.logical_id)  # a source can't go before its replica
        alive = [item.physical_id for item in databases if self._databases.status(item.physical_id) is not None]
        if alive and not self._consent.recreate_data:
            raise RefusedChangeError(
                f"{stack.name} failed while it was created and left the empty database {', '.join(alive)}.",
                code="needs-consent",
                hint="Run the deploy with --yes to lift its protection, delete it and create it again.",
            )
        self._remove_databases(template.stack, alive)
        if stack.termination_protection:
            self._api.protect(stack.name, enabled=False)
        self._api.delete_stack(stack.name, token=self._token(template.stack))
        after = self._follower.follow(template.stack, stack.id, since=since)
        if after.stack is not None and after.stack.status != "DELETE_COMPLETE":
            raise self._failure(template, after, f"could not delete {template.physical_name}")

    def _remove_databases(self, step: str, identifiers: Sequence[str]) -> None:
        """Delete half-made instances, in which nothing was ever stored, before their stack.

        RetainExceptOnCreate keeps them when the stack is deleted, and their subnet and parameter groups can't go under
        them. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
        """
        for identifier in identifiers:
            if self._databases.status(identifier) != "deleting":
                self._databases.lift_protection(identifier)
                self._databases.delete(identifier, final_snapshot=None)
            while (status := self._databases.status(identifier)) is not None:
                self._emit(Progress(step, f"{identifier} is {status}"))
                self._pause(3.0)

    def _apply(
        self, template: StackTemplate, state: RemoteState, context: planner.Context, action: Action, changed: bool
    ) -> Deployed:
        resolved = planner.resolve(template, state, context)
        if not resolved.is_complete:
            raise StackFailedError(
                f"{template.stack} needs outputs that are not there: {', '.join(resolved.waits_for)}.",
                hint=f"Deploy {' and '.join(resolved.waits_for)} first, or all stacks: `opsctl deploy`.",
            )
        values = {name: value for name, value in resolved.values.items() if value is not None}
        self._before_write()
        arn = self._create_change_set(template, values, action)
        change_set = self._await_change_set(arn)
        if change_set.is_empty:
            self._api.delete_change_set(arn)
            stack = self._protected(template, self._require(template))
            return Deployed(stack, changed)
        if change_set.status == "FAILED":
            failures = tuple(self._api.validation_failures(arn))
            self._api.delete_change_set(arn)
            raise StackFailedError(
                f"CloudFormation refused the change set of {template.physical_name}: {change_set.reason}",
                detail=failures,
                hint="Nothing of this stack was changed.",
            )
        self._check(template, change_set, arn)
        since = self._follower.newest(template.physical_name)
        self._before_write()
        self._api.execute_change_set(arn, token=self._token(template.stack))
        followed = self._follower.follow(template.stack, self._require(template).id, since=since)
        if followed.stack is None or followed.stack.status not in SETTLED:
            raise self._failure(template, followed, f"could not {action.value} {template.physical_name}")
        self._note_leftovers(template, followed)
        return Deployed(self._protected(template, followed.stack), True)

    def _note_leftovers(self, template: StackTemplate, followed: Followed) -> None:
        """After three tries CloudFormation gives up on a replaced resource and reports success all the same.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
        """
        for event in followed.failures:
            if event.status == "DELETE_FAILED" and not event.is_stack:
                old = f"{template.stack}: the old {event.logical_id} ({event.physical_id})"
                why = event.reason or "no reason given"
                self._emit(Note(f"{old} could not be deleted and may cost money; remove it by hand: {why}"))

    def _create_change_set(self, template: StackTemplate, values: dict[str, str], action: Action) -> str:
        inline = len(template.body.encode()) <= INLINE_LIMIT
        token = self._token(template.stack)
        return self._api.create_change_set(
            stack=template.physical_name,
            name=token,
            kind="CREATE" if action is Action.CREATE else "UPDATE",
            token=token,
            parameters=values,
            tags=template.tags,
            capabilities=template.capabilities,
            template_body=template.body if inline else None,
            template_url=None if inline else self._upload(template),
            description=f"opsctl deploy {self._run_id}",
        )

    def _await_change_set(self, arn: str) -> ChangeSet:
        for attempt in range(600):
            change_set = self._api.change_set(arn)
            if change_set.status in {"CREATE_COMPLETE", "FAILED"}:
                return change_set
            self._pause(min(0.1 * 1.5**attempt, 3.0))
        raise StackFailedError(f"The change set {arn} is not ready after half an hour.", hint="Run the deploy again.")

    def _check(self, template: StackTemplate, change_set: ChangeSet, arn: str) -> None:
        """Compare what CloudFormation says it will replace with what was allowed."""
        worse = []
        for change in change_set.changes:
            holds = change.logical_id in template.stateful or change.type in planner.STATEFUL_TYPES
            if not holds or change.logical_id in self._consent.allow_replace:
                continue
            if change.action == "Remove" or change.replacement == "True" or _may_replace(change):
                what = "deleted" if change.action == "Remove" else "replaced"
                cause = f" because {', '.join(change.causes)} changes" if change.causes else ""
                worse.append((change.logical_id, f"{change.type} {change.logical_id} would be {what}{cause}."))
        if worse:
            self._api.delete_change_set(arn)
            allow = " ".join(f"--allow-replace {name}" for name, _ in worse)
            raise RefusedChangeError(
                f"The change to {template.stack} would lose data; nothing of this stack was changed.",
                detail=tuple(text for _, text in worse),
                hint=f"If that is what you want: {allow}",
            )

    def _protected(self, template: StackTemplate, stack: Stack) -> Stack:
        if template.termination_protection and not stack.termination_protection:
            self._api.protect(stack.name, enabled=True)
        return stack

    def _require(self, template: StackTemplate) -> Stack:
        stack = self._api.stack(template.physical_name)
        if stack is None:
            raise StackFailedError(
                f"{template.physical_name} vanished while it was deployed.", hint="Run the deploy again."
            )
        return stack

    def _failure(self, template: StackTemplate, followed: Followed, what: str) -> StackFailedError:
        cause = followed.cause
        status = followed.stack.status if followed.stack else "gone"
        if cause is None:
            reason = followed.stack.reason if followed.stack else ""
            return StackFailedError(
                f"CloudFormation {what}: it is {status}. {reason}".strip(),
                hint=f"Look at `aws cloudformation describe-stack-events --stack-name {template.physical_name}`.",
            )
        return StackFailedError(
            f"{template.stack}: {cause.logical_id} ({cause.type}) failed: {cause.reason or cause.status}",
            cause=cause,
            detail=(f"{template.physical_name} is {status}.",),
            hint="Correct the cause, then run `opsctl deploy` again: it starts from here.",
        )

    def _token(self, stack: str) -> str:
        """A client token per operation: a retried request is then the same request (at most 128 characters)."""
        return f"opsctl-{self._run_id}-{stack}-{next(self._operations)}"


def _may_replace(change: Change) -> bool:
    """Whether a Conditional replacement can really come about: not when its causes are known to change in place."""
    known = change.causes and all(compare.replacement_of(change.type, cause) == "no" for cause in change.causes)
    return change.replacement == "Conditional" and not known
