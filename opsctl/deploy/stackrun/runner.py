"""Bringing one stack from whatever status it has to the template: the writing half of the 23-status table."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.aws.cloudformation import ChangeSet, Stack
from opsctl.aws.errors import AwsError
from opsctl.deploy.checks import replicas
from opsctl.deploy.events import Emit, Note
from opsctl.deploy.failures import StackFailedError, change_set_refused, stack_failure
from opsctl.deploy.planning import planner
from opsctl.deploy.planning.plan import Consent
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import SETTLED, Action, action_for
from opsctl.deploy.stackrun import guard
from opsctl.deploy.stackrun.cancelling import Canceller, given_up
from opsctl.deploy.stackrun.removal import DATABASE, LOAD_BALANCER, StackRemover, by_type
from opsctl.deploy.stackrun.settling import Settler
from opsctl.deploy.stackrun.stream import Followed, Follower, Patience
from opsctl.deploy.stackrun.watch import HopelessRolloutError
from opsctl.stacks.model import StackTemplate

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import CloudFormation
    from opsctl.aws.session import Aws

# CloudFormation takes a template of up to 51,200 bytes in the request; larger ones must lie in S3.
INLINE_LIMIT = 51_200
# How long a change set that was just made may be unknown, and how often one is asked for: half an hour in all.
_UNKNOWN_SECONDS = 30.0
_CHANGE_SET_QUESTIONS = 600
# What CloudFormation answers when the stack has become another than the one that was planned for: codes, and texts of a
# ValidationError. It is read again after a moment, as DescribeStacks may be behind.
_OVERTAKEN = {"ChangeSetNotFound", "ChangeSetNotFoundException", "InvalidChangeSetStatus"}
_OVERTAKEN_TEXTS = ("already exists and cannot be created again", "state and can not be updated")
_OVERTAKEN_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack as it is after its step, and whether anything was written."""

    stack: Stack
    changed: bool


class StackRunner:
    """Runs stacks of one region.

    `upload` puts a template into the artifact bucket and returns its URL; `before_write` is asked before each call that
    changes something.
    """

    def __init__(
        self,
        aws: Aws,
        follower: Follower,
        remover: StackRemover,
        emit: Emit,
        *,
        run_id: str,
        consent: Consent,
        clock: Callable[[], float],
        upload: Callable[[StackTemplate], str],
        before_write: Callable[[], None],
    ) -> None:
        self._api = aws.cloudformation
        self._follower = follower
        self._remover = remover
        self._emit = emit
        self._run_id = run_id
        self._consent = consent
        self._clock = clock
        self._upload = upload
        self._before_write = before_write
        self._operations = itertools.count(1)
        self._settler = Settler(
            aws, follower, remover, emit, run_id=run_id, consent=consent, token=self._token, before_write=before_write
        )
        self._canceller = Canceller(aws.cloudformation, follower, remover, token=self._token, before_write=before_write)

    def run(self, template: StackTemplate, state: RemoteState, context: planner.Context) -> Deployed:
        """Bring the stack to its template. Raises StackFailedError, RefusedChangeError and AWS errors.

        A rollout that can't succeed is ended, where the follower watches for one.
        """
        try:
            return self._run(template, state, context)
        except HopelessRolloutError as hopeless:
            self._emit(Note(f"{template.stack}: {hopeless.verdict.reason}, so the rollout is ended."))
            followed = self._canceller.end(template.stack, self._still_there(template))
            if followed.stack is not None and followed.stack.status in SETTLED:
                return Deployed(self._with_protection(template, followed.stack), True)  # it was quicker, and is well
            raise given_up(template.stack, hopeless, followed) from None

    def _run(self, template: StackTemplate, state: RemoteState, context: planner.Context) -> Deployed:
        """Each turn does what the status asks for; the longest way is follow, continue a rollback, update."""
        changed, overtaken = False, False
        stack = state.stacks.get(template.stack)
        for _ in range(8):
            now = self._with(state, template, stack)
            plan = planner.plan_stack(template, now, context)
            if plan.action is Action.UNCHANGED:
                assert stack is not None
                return Deployed(stack, changed)
            if plan.action in {Action.CREATE, Action.UPDATE}:
                # What a stack would change that had to be settled first, or that somebody else changed, was not told.
                if (changed or overtaken) and (error := guard.unseen(plan, self._consent)) is not None:
                    raise error
                try:
                    return self._apply(template, now, context, plan.action, changed)
                except AwsError as error:
                    if not _is_overtaken(error):
                        raise
                # Another deploy was quicker, as two first ones can be: go on from what it made of the stack.
                self._follower.pause(_OVERTAKEN_SECONDS)
                stack, overtaken = self._api.stack(template.physical_name), True
                continue
            assert stack is not None
            self._emit(Note(f"{template.stack} is {stack.status}: {plan.action}."))
            # As followed, not as read again: a stack that is gone may still be listed.
            stack = self._settler.settle(template, stack, plan.action)
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
        return RemoteState(stacks, bodies, state.others)

    @property
    def _write(self) -> CloudFormation:
        """The API, for a call that changes something, once it is certain that we may."""
        self._before_write()
        return self._api

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
        arn = self._create_change_set(template, values, action)
        change_set = self._await_change_set(arn)
        if change_set.is_empty:
            self._write.delete_change_set(arn)
            return Deployed(self._with_protection(template, self._still_there(template)), changed)
        if change_set.status == "FAILED":
            failures = tuple(self._api.validation_failures(arn))
            self._write.delete_change_set(arn)
            raise change_set_refused(template, change_set.reason, failures)
        self._refuse(template, change_set, arn)
        for change in change_set.changes:
            if change.action == "Import":
                self._emit(Note(f"{template.stack}: {change.type} {change.logical_id} was there; it is taken over."))
        self._lift_protections(template, state, change_set)
        since, token = self._follower.newest(template.physical_name), self._token(template.stack)
        self._write.execute_change_set(arn, token=token)
        followed = self._follower.follow(template.stack, change_set.stack_id, since=since, token=token)
        self._note_leftovers(template, followed)
        if followed.stack is None or followed.stack.status not in SETTLED:
            raise stack_failure(template, followed, f"could not {action} {template.physical_name}")
        return Deployed(self._with_protection(template, followed.stack), True)

    def _lift_protections(self, template: StackTemplate, state: RemoteState, change_set: ChangeSet) -> None:
        """Lift the protection of what this change set deletes and nobody loses data with: replicas, load balancers.

        CloudFormation fails to delete what is protected, and says UPDATE_COMPLETE all the same.
        """
        going = set(replicas.leaving(state.bodies.get(template.stack, ""), change_set.changes))
        balancers = (item for item in change_set.changes if item.type == LOAD_BALANCER)
        going |= {item.logical_id for item in balancers if item.action == "Remove"}
        if not going:
            return
        resources = [item for item in self._api.resources(template.physical_name) if item.logical_id in going]
        for item in by_type(resources, DATABASE):
            self._remover.unprotect(template.stack, item.physical_id)
        for item in by_type(resources, LOAD_BALANCER):
            self._remover.unprotect_balancer(item.physical_id)

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
        return self._write.create_change_set(
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
        patience = Patience(
            self._emit, self._clock, goes_on="CloudFormation goes on with the change set", follow_by="opsctl deploy"
        )
        started = self._clock()
        for attempt in range(_CHANGE_SET_QUESTIONS):
            with patience:
                change_set = self._change_set(arn, may_be_unknown=self._clock() - started < _UNKNOWN_SECONDS)
                if change_set is not None and change_set.status in {"CREATE_COMPLETE", "FAILED"}:
                    return change_set
            self._follower.pause(min(0.1 * 1.5**attempt, 3.0))
        raise StackFailedError(f"The change set {arn} is not ready after half an hour.", hint="Run the deploy again.")

    def _change_set(self, arn: str, *, may_be_unknown: bool) -> ChangeSet | None:
        """A change set; None while one that was just made is not known yet."""
        try:
            return self._api.change_set(arn)
        except AwsError as error:
            if may_be_unknown and error.aws_code in {"ChangeSetNotFound", "ChangeSetNotFoundException"}:
                return None
            raise

    def _refuse(self, template: StackTemplate, change_set: ChangeSet, arn: str) -> None:
        """Compare what CloudFormation says it will replace with what was allowed, and with what was approved."""
        for refusal in (guard.loss, guard.unplanned):
            error = refusal(template, change_set.changes, self._consent)
            if error is not None:
                self._write.delete_change_set(arn)
                raise error

    def _with_protection(self, template: StackTemplate, stack: Stack) -> Stack:
        if template.termination_protection and not stack.termination_protection:
            self._write.protect(stack.name, enabled=True)
        return stack

    def _still_there(self, template: StackTemplate) -> Stack:
        stack = self._api.stack(template.physical_name)
        if stack is None:
            raise StackFailedError(
                f"{template.physical_name} vanished while it was deployed.", hint="Run the deploy again."
            )
        return stack

    def _token(self, stack: str) -> str:
        """A client token per operation: a retried request is then the same request (at most 128 characters)."""
        return f"opsctl-{self._run_id}-{stack}-{next(self._operations)}"


def _is_overtaken(error: AwsError) -> bool:
    return error.aws_code in _OVERTAKEN or (
        error.aws_code in {"ValidationError", "AlreadyExistsException"}
        and any(text in error.message for text in _OVERTAKEN_TEXTS)
    )
