"""Deleting one stack: first what CloudFormation can't delete under its protection or content, then the stack itself.

The one way in which a deploy removes what a failed create left, and `opsctl destroy` an environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.deploy.aftercare import delete_logs
from opsctl.deploy.events import Emit, Note, Progress
from opsctl.deploy.leftovers import SNAPSHOT, Left
from opsctl.deploy.planning import compare
from opsctl.deploy.stackrun.stream import Followed, Follower, Patience
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Stack, StackEvent, StackResource
    from opsctl.aws.rds import Instance
    from opsctl.aws.session import Aws

DATABASE = "AWS::RDS::DBInstance"
_BUCKET = "AWS::S3::Bucket"
LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_KEPT = {"Retain", "RetainExceptOnCreate", "Snapshot"}
# In these RDS takes no final snapshot, as there is nothing left that it could read. [RDS UG USER_DeleteInstance]
_BROKEN = {"failed", "incompatible-restore", "incompatible-network"}
# Such a resource is nobody's, or another's: its creation failed, or the stack has let go of it.
_NOT_OURS = {"CREATE_FAILED", "DELETE_COMPLETE", "DELETE_SKIPPED"}
# What RDS answers while the instance is in no state for a call.
_NOT_NOW = {"InvalidDBInstanceState", "InvalidDBInstanceStateFault"}
_DATABASE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Removal:
    """A stack to delete. `unused`: it is certain that nothing in it was ever used, so nothing of it is kept.

    `snapshot` names a database's final snapshot, given its identifier. `keep_logs`: what RDS wrote about a database
    stays in CloudWatch when it goes.
    """

    step: str
    stack: Stack
    body: str
    token: str
    unused: bool
    snapshot: Callable[[str], str]
    keep_logs: bool


class StackRemover:
    """Deletes stacks of one region. `before_write` is asked before each call that changes something."""

    def __init__(
        self,
        aws: Aws,
        follower: Follower,
        emit: Emit,
        *,
        poll_seconds: float,
        clock: Callable[[], float],
        before_write: Callable[[], None],
    ) -> None:
        self._aws = aws
        self._follower = follower
        self._emit = emit
        self._poll = poll_seconds
        self._clock = clock
        self._before_write = before_write
        self.left: list[Left] = []
        """What outlived the stacks that were removed."""

    def remove(self, removal: Removal) -> Followed:
        """Delete the stack and follow it to its end; the caller judges what came of it."""
        stack = removal.stack
        if stack.termination_protection:
            self._write.cloudformation.protect(stack.name, enabled=False)
        resources = [item for item in self._aws.cloudformation.resources(stack.id) if item.physical_id]
        cleared = self._clear(removal, resources)
        since = self._follower.newest(stack.id)
        self._write.cloudformation.delete_stack(stack.name, token=removal.token)
        followed = self._follower.follow(removal.step, stack.id, since=since, token=removal.token)
        for event in followed.kept:
            # CloudFormation skips what its DeletionPolicy keeps without a look at whether it is there.
            if event.physical_id in cleared:
                continue
            self._emit(Note(f"{removal.step}: {event.type} {event.physical_id} stays, as its stack says."))
            self.left.append(Left(event.type, event.physical_id, self._aws.region))
        return followed

    @property
    def _write(self) -> Aws:
        """The clients, for a call that changes something, once it is certain that we may."""
        self._before_write()
        return self._aws

    def _clear(self, removal: Removal, resources: list[StackResource]) -> set[str]:
        """Take away what keeps the stack's own deletion from ending well. Answers physical ids that are gone."""
        gone = set[str]()
        for item in by_type(resources, DATABASE):
            if removal.unused and item.logical_id in taken_over(removal.body):
                continue  # it was somebody's database before, and holds data whatever became of this stack
            self._remove_database(removal, item)
            gone.add(item.physical_id)
        for item in by_type(resources, LOAD_BALANCER):
            self.unprotect_balancer(item.physical_id)
        declared = compare.resources_of(removal.body)
        kept = kept_resources(removal.body)
        for item in by_type(resources, _BUCKET):
            if item.status in _NOT_OURS or item.logical_id not in declared:
                continue
            outlives = item.logical_id in kept
            if outlives and not (removal.unused and self._was_made(removal.stack, item)):
                continue
            self._write.s3.empty(item.physical_id)
            if outlives:  # the stack would leave it behind
                self._write.s3.delete_bucket(item.physical_id)
                gone.add(item.physical_id)
        return gone

    def _was_made(self, stack: Stack, item: StackResource) -> bool:
        """Whether this stack made it: one that was there before is taken over, with what others put into it."""
        statuses = {event.status for event in self._aws.cloudformation.events(stack.id) if _names(event, item)}
        return "CREATE_COMPLETE" in statuses and not any(status.startswith("IMPORT_") for status in statuses)

    def unprotect(self, step: str, identifier: str) -> None:
        """Lift an instance's deletion protection, once RDS takes that, and wait until it is known to be lifted."""
        self._drive(
            step,
            identifier,
            lambda now: now is None or now.status == "deleting" or not (now.protected or is_working(now.status)),
            lambda now: self._make_deletable(identifier, now),
        )

    def unprotect_balancer(self, arn: str) -> None:
        """Lift a load balancer's deletion protection."""
        self._write.load_balancers.lift_protection(arn)

    def _remove_database(self, removal: Removal, item: StackResource) -> None:
        """Databases go before their stack: their subnet and parameter groups can't go under them."""
        identifier, asked = item.physical_id, False
        snapshot = None if removal.unused or is_replica(item) else removal.snapshot(identifier)

        def act(now: Instance) -> None:
            nonlocal asked
            if not asked and not self._make_deletable(identifier, now):
                broken = snapshot is not None and now.status in _BROKEN
                if broken:
                    self._emit(
                        Note(
                            f"{removal.step}: RDS takes no final snapshot of {identifier}, which is {now.status}. Its "
                            "automated backups stay."
                        )
                    )
                self._write.rds.delete(
                    identifier, final_snapshot=None if broken else snapshot, keep_backups=snapshot is not None
                )
                asked = True
                if snapshot is not None and not broken:
                    # Told at once: a run that is interrupted has no list at its end.
                    self._emit(Note(f"{removal.step}: RDS takes the final snapshot {snapshot}."))
                    self.left.append(Left(SNAPSHOT, snapshot, self._aws.region))

        self._drive(removal.step, identifier, lambda now: now is None, act)
        if not removal.keep_logs:
            delete_logs(self._aws.logs, identifier, self._emit)

    def _make_deletable(self, identifier: str, now: Instance) -> bool:
        """Do what an instance needs before it can be deleted; answers whether there was anything."""
        if now.status == "stopped":
            self._write.rds.start(identifier)
        elif now.protected:
            self._write.rds.lift_protection(identifier)
        else:
            return False
        return True

    def _drive(
        self, step: str, identifier: str, done: Callable[[Instance | None], bool], act: Callable[[Instance], object]
    ) -> None:
        """Look at an instance and act on what it is, until it is as wanted.

        RDS takes a change or a deletion only in some states, so each look decides what can be done now.
        """
        goes_on = f"RDS goes on with {identifier}"
        patience = Patience(self._emit, self._clock, goes_on=goes_on, follow_by=self._follower.follow_by)
        end, refusal = self._clock() + _DATABASE_SECONDS, ""
        while True:
            seen: Instance | None = None
            with patience:
                now = self._aws.rds.instance(identifier)
                if done(now):
                    return
                seen = now
            if seen is not None:
                self._emit(Progress(step, f"{identifier} is {seen.status}"))
                if not is_working(seen.status):
                    refusal = self._try(act, seen)
            if self._clock() >= end:
                raise OpsctlError(
                    f"RDS has not come to an end with {identifier} within an hour."
                    + (f" Its last answer: {refusal}" if refusal else ""),
                    code="database-remains",
                    hint="Look at it in the RDS console; when it takes orders again, run the command again: it goes on "
                    "from here.",
                )
            self._follower.pause(self._poll)

    @staticmethod
    def _try(act: Callable[[Instance], object], now: Instance) -> str:
        """Act; answers what RDS said where it may take the same call later, "" when it took it."""
        try:
            act(now)
        except AwsRefusedError:
            raise
        except AwsError as error:
            # Its state has changed since the look, or a protection that was lifted a moment ago is not known yet.
            if error.aws_code not in _NOT_NOW and "deletion protection" not in error.message and not error.may_pass:
                raise
            return error.message
        return ""


def by_type(resources: Iterable[StackResource], resource_type: str) -> list[StackResource]:
    """Resources of one type; a replica before the database that it follows, which can't go before it."""
    found = [item for item in resources if item.type == resource_type and item.physical_id]
    return sorted(found, key=lambda item: not is_replica(item))


def taken_over(body: str) -> frozenset[str]:
    """Logical ids of the databases of a template that it names: `rds.import_instance` alone does.

    Events don't tell it: where the import failed as well as where CloudFormation tried to make another of that name,
    the stack's resource has the name of the one that was there.
    """
    resources = compare.resources_of(body)
    return frozenset(
        name for name, item in resources.items() if item.get("Properties", {}).get("DBInstanceIdentifier") is not None
    )


def kept_resources(body: str) -> frozenset[str]:
    """Logical ids of the resources of a template that outlive their stack."""
    resources = compare.resources_of(body)
    return frozenset(name for name, item in resources.items() if item.get("DeletionPolicy", "") in _KEPT)


def is_working(status: str) -> bool:
    """Whether RDS is doing something with an instance, so that it takes no other order.

    All such statuses hold a word in -ing: `creating`, `backing-up`, `configuring-log-exports`. [RDS UG, DB instance
    status]
    """
    return any(word.endswith("ing") for word in status.split("-"))


def _names(event: StackEvent, item: StackResource) -> bool:
    return not event.is_stack and event.logical_id == item.logical_id


def is_replica(item: StackResource) -> bool:
    """Whether an instance is a read replica: by its name in our templates."""
    return "Replica" in item.logical_id
