"""Ending one stack operation that runs: an update goes back to the old template, a create goes away.

What the rollout watch does with a hopeless release, and `opsctl cancel` with whatever runs.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.planning.statuses import is_terminal
from opsctl.deploy.stackrun.removal import Removal, StackRemover
from opsctl.deploy.stackrun.stream import Followed, Follower
from opsctl.deploy.stackrun.watch import HopelessRolloutError
from opsctl.deploy.watchdog import saving

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import CloudFormation, Stack

_NOT_NOW = "cannot be called from current stack status"  # the answer to CancelUpdateStack; the update was quicker


class Way(StrEnum):
    """How an operation can be ended."""

    ROLL_BACK = "roll back"
    DELETE = "delete"
    WAIT = "wait"


_NOT_CANCELLABLE = {
    "DELETE_IN_PROGRESS": "is being deleted, which nothing stops; it goes on until the stack is gone",
    "ROLLBACK_IN_PROGRESS": "takes back a failed create already; it ends as ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_IN_PROGRESS": "goes back to its old template already; it ends as UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "has its new template in force and only removes what was replaced",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "is back at its old template and only removes what was new",
}


def way_of(status: str) -> Way:
    """How an operation in this status can be ended. [API CancelUpdateStack, DeleteStack]"""
    return {"UPDATE_IN_PROGRESS": Way.ROLL_BACK, "CREATE_IN_PROGRESS": Way.DELETE}.get(status, Way.WAIT)


def consequence(status: str) -> str:
    """What ending an operation in this status does, or why that can't be done: a clause about the stack."""
    if way_of(status) is Way.ROLL_BACK:
        return "goes back to its old template"
    if way_of(status) is Way.DELETE:
        return "is deleted with what was made of it so far, as it was never complete"
    return _NOT_CANCELLABLE.get(status, "can't be cancelled in this status; it goes on to its end")


class Canceller:
    """Ends operations of one region. `token` makes a client token for an operation on a stack, by its short name."""

    def __init__(
        self,
        api: CloudFormation,
        follower: Follower,
        remover: StackRemover,
        *,
        token: Callable[[str], str],
        before_write: Callable[[], None],
    ) -> None:
        self._api = api
        self._follower = follower
        self._remover = remover
        self._token = token
        self._before_write = before_write

    def end(self, step: str, stack: Stack) -> Followed:
        """End the operation that runs, and follow it until the stack rests; one that has rested is left as it is."""
        now = self._api.stack(stack.id)
        if now is None or is_terminal(now.status):
            return Followed(now)
        way = way_of(now.status)
        if way is Way.DELETE:
            # Never complete, so nothing in it was ever used.
            removal = Removal(
                step, now, self._api.template(now.id), self._token(step),
                unused=True, snapshot=lambda identifier: f"cancelled-{identifier}"[:255], keep_logs=False,
            )  # fmt: skip
            return self._remover.remove(removal)
        since = self._follower.newest(now.id)
        if way is Way.ROLL_BACK:
            self._before_write()
            try:
                self._api.cancel_update(now.name, token=self._token(step))
            except AwsError as error:
                if _NOT_NOW not in error.message:
                    raise
                rested = self._api.stack(now.id)
                if rested is None or is_terminal(rested.status):
                    return Followed(rested)
        return self._follower.follow(step, now.id, since=since)


def given_up(step: str, hopeless: HopelessRolloutError, followed: Followed) -> StackFailedError:
    """The error for a rollout that was ended."""
    verdict, event = hopeless.verdict, hopeless.event
    how = "the stack is gone again" if followed.is_gone or followed.stack is None else f"it is {followed.stack.status}"
    ended = f"opsctl ended the rollout {verdict.after:.0f} s after it began, as it could not succeed; {how}."
    return StackFailedError(
        f"{step}: {event.logical_id} ({event.type}) failed: {verdict.reason}.",
        cause=event,
        task=verdict.task,
        verdict=verdict.reason,
        detail=(ended, saving(verdict)),
        hint=f"{verdict.advice} Then run `opsctl deploy` again; with --no-watchdog ECS decides alone.",
    )
