"""Bringing a stack that can't be updated into a status from which it can: the rest of the 23-status table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from opsctl.deploy.events import Emit, Note
from opsctl.deploy.failures import RefusedChangeError, StackFailedError, stack_failure
from opsctl.deploy.planning import planner
from opsctl.deploy.planning.plan import Consent
from opsctl.deploy.planning.statuses import SETTLED, Action
from opsctl.deploy.stackrun.removal import (
    DATABASE,
    Removal,
    StackRemover,
    by_type,
    is_replica,
    kept_resources,
    taken_over,
)
from opsctl.deploy.stackrun.stream import Followed, Follower
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import CloudFormation, Stack
    from opsctl.aws.session import Aws
    from opsctl.stacks.model import StackTemplate


class Settler:
    """Settles stacks of one region. `token` makes a client token for an operation on a stack, by its short name."""

    def __init__(
        self,
        aws: Aws,
        follower: Follower,
        remover: StackRemover,
        emit: Emit,
        *,
        run_id: str,
        consent: Consent,
        token: Callable[[str], str],
        before_write: Callable[[], None],
    ) -> None:
        self._aws = aws
        self._api = aws.cloudformation
        self._follower = follower
        self._remover = remover
        self._emit = emit
        self._run_id = run_id
        self._consent = consent
        self._token = token
        self._before_write = before_write

    def settle(self, template: StackTemplate, stack: Stack, action: Action) -> Stack | None:
        """Bring a stack that can't be updated into a status from which it can; answers the stack as it then is."""
        if action is Action.REFUSE:
            reason = (stack.reason or "no reason given").rstrip(".")
            raise StackFailedError(
                f"{stack.name} is {stack.status}, from which no call leads on: {reason}.",
                hint=f"Repair it by hand: `aws cloudformation describe-stack-events --stack-name {stack.name}`.",
            )
        if action is Action.FOLLOW:
            # The operation was running before us: show what it did so far as well.
            return self._follower.follow(template.stack, stack.id, since=self._operation_start(stack)).stack
        if action is Action.RECREATE:
            return self._remove_failed(template, stack)
        skip = self._to_skip(stack) if action is Action.CONTINUE_ROLLBACK else ()
        since, token = self._follower.newest(stack.id), self._token(template.stack)
        if action is Action.ROLL_BACK:
            self._write.rollback(stack.name, token=token)
        else:
            self._write.continue_rollback(stack.name, token=token, skip=skip)
        after = self._follower.follow(template.stack, stack.id, since=since, token=token)
        if after.stack is not None and after.stack.status == "UPDATE_ROLLBACK_FAILED":
            raise self._stuck(template, after)
        return after.stack

    def _to_skip(self, stack: Stack) -> tuple[str, ...]:
        """The resources to leave out of this stack's rollback. Raises for what can't, or must not, be left out.

        CloudFormation takes only resources that are UPDATE_FAILED, and from then on believes that a skipped one is as
        it was before the update. (API ContinueUpdateRollback, ResourcesToSkip)
        """
        wanted = self._consent.skip_resources
        if not wanted:
            return ()
        failed = {
            item.logical_id: item.type for item in self._api.resources(stack.id) if item.status == "UPDATE_FAILED"
        }
        chosen = tuple(sorted(wanted & failed.keys()))
        if not chosen:
            raise OpsctlError(
                f"{stack.name} has no failed resource {' or '.join(sorted(wanted))} that could be skipped.",
                code="nothing-to-skip",
                hint=f"Those that can be: {', '.join(sorted(failed)) or 'none'}.",
            )
        for name in chosen:
            if failed[name] in planner.STATEFUL_TYPES:
                raise RefusedChangeError(
                    f"{name} ({failed[name]}) holds data, so it is not skipped: CloudFormation would believe for good "
                    "that it is there, and nothing would make it again.",
                    code="skip-refused",
                    hint="Make it again under its old name (restore a backup of it), then run `opsctl deploy`.",
                )
        return chosen

    def _stuck(self, template: StackTemplate, after: Followed) -> StackFailedError:
        """A rollback that failed again: what holds it, and the way to go on without that."""
        failure = stack_failure(template, after, f"could not roll {template.physical_name} back")
        held = sorted(
            {
                event.logical_id
                for event in after.failures
                if event.status == "UPDATE_FAILED" and not event.is_stack and event.type not in planner.STATEFUL_TYPES
            }
        )
        if not held:
            return failure
        flags = " ".join(f"--skip-resource {name}" for name in held)
        return StackFailedError(
            failure.message,
            cause=failure.cause,
            detail=(
                *failure.detail,
                "A skipped resource counts as rolled back without being looked at: it stays as it is, or stays gone, "
                "until you repair it by hand.",
            ),
            hint=f"Correct the cause (make again what was deleted by hand) and run `opsctl deploy`; or go on without: "
            f"`opsctl deploy {flags}`.",
        )

    def _operation_start(self, stack: Stack) -> str:
        """Id of the event before the running operation began, to show all of it; "" for the stack's first."""
        events = list(self._api.events(stack.id))
        for index, event in enumerate(events):
            if event.is_stack and event.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}:
                return events[index + 1].id if index + 1 < len(events) else ""
        return ""

    def _remove_failed(self, template: StackTemplate, stack: Stack) -> Stack | None:
        """Delete what a failed create left. A stack that was ever complete and holds data is never deleted here."""
        events = list(self._api.events(stack.id))[::-1]
        cause = Followed(None, [event for event in events if event.status.endswith("_FAILED")]).cause
        if cause is not None:
            self._emit(Note(f"The earlier attempt failed at {cause.logical_id}: {cause.reason or cause.status}"))
        own = [event for event in events if event.is_stack]
        # CloudFormation forgets events after 90 days: without the first one, the others prove nothing. Only a deletion
        # can fail for a stack that was complete; the other statuses that lead here are those of a failed create.
        from_start = bool(own) and own[0].status in {"REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS"}
        ever_complete = any(event.status in SETTLED for event in own) or (
            stack.status == "DELETE_FAILED" and not from_start
        )
        # What is deployed decides what is kept: the template of today may have dropped a bucket that is there.
        body = self._api.template(stack.id)
        if ever_complete and (template.stateful or kept_resources(body)):
            raise RefusedChangeError(
                f"{stack.name} is {stack.status} and may have been complete before, so it may hold data; it is not "
                "deleted.",
                code="holds-data",
                hint=f"To see why: `aws cloudformation describe-stack-events --stack-name {stack.name}`. "
                + self._way_out(stack),
            )
        unused = from_start and not ever_complete
        self._ask_for_databases(stack, body)
        followed = self._remover.remove(
            Removal(
                template.stack, stack, body, self._token(template.stack),
                unused=unused,
                snapshot=lambda identifier: f"before-recreate-{identifier}-{self._run_id}"[:255],
                keep_logs=not unused,
            )
        )  # fmt: skip
        if followed.stack is not None and not followed.is_gone:
            raise stack_failure(template, followed, f"could not delete {template.physical_name}")
        return followed.stack

    def _way_out(self, stack: Stack) -> str:
        """What leads on from a deletion that failed. A database would stay behind, and the next deploy make another."""
        if by_type(self._api.resources(stack.id), DATABASE):
            return "Repair the stack by hand, or remove the database for good: `opsctl destroy --delete-data`."
        return (
            f"When the cause is gone, `aws cloudformation delete-stack --stack-name {stack.name}` ends it, and "
            "leaves what is kept by its DeletionPolicy; then deploy again."
        )

    def _ask_for_databases(self, stack: Stack, body: str) -> None:
        """Raise RefusedChangeError when the stack left databases and nobody agreed to their deletion.

        A replica holds nothing that its source does not.
        """
        found = [
            item.physical_id
            for item in by_type(self._api.resources(stack.id), DATABASE)
            if not is_replica(item) and item.logical_id not in taken_over(body)  # that one stays
        ]
        alive = [identifier for identifier in found if self._aws.rds.instance(identifier) is not None]
        if alive and not self._consent.recreate_data:
            raise RefusedChangeError(
                f"{stack.name} failed while it was created and left the empty database {', '.join(alive)}.",
                code="needs-consent",
                hint="Run the deploy with --yes to lift its protection, delete it and create it again.",
            )

    @property
    def _write(self) -> CloudFormation:
        """The API, for a call that changes something, once it is certain that we may."""
        self._before_write()
        return self._api
