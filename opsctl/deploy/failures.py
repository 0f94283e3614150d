"""How deploying a stack fails: CloudFormation could not, or nobody allowed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsctl.deploy.evidence.known_causes import known
from opsctl.errors import ExitCode, OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import StackEvent
    from opsctl.deploy.stackrun.stream import Followed
    from opsctl.stacks.model import StackTemplate


class StackFailedError(OpsctlError):
    """CloudFormation could not do it. `cause` is the first failed resource; `task` the id of the task whose log tells
    why, "" where none does, None where nobody knows; `verdict` is why we ended it, a clause, "" where we did not.
    """

    code = "stack-failed"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        cause: StackEvent | None = None,
        detail: tuple[str, ...] = (),
        task: str | None = None,
        verdict: str = "",
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.cause = cause
        self.task = task
        self.verdict = verdict


class RefusedChangeError(OpsctlError):
    """Doing it would replace or delete what holds data, and nobody allowed that."""

    code = "replacement-refused"


class UnapprovedError(OpsctlError):
    """Part of the plan has to be agreed to first, or is not what was agreed to."""

    code = "approval-needed"
    exit_code = ExitCode.DIFFERS


def change_set_refused(template: StackTemplate, reason: str, failures: tuple[str, ...]) -> StackFailedError:
    """The error for a change set that CloudFormation did not make; `failures` is what its validation found."""
    found = known(reason, "resource")
    sentence, following = (found.sentence, found.next) if found else (reason, "Correct the cause, then deploy again.")
    return StackFailedError(
        f"CloudFormation refused the change set of {template.physical_name}: {sentence}",
        detail=failures,
        hint=f"{following} Nothing of this stack was changed.",
    )


def stack_failure(template: StackTemplate, followed: Followed, what: str) -> StackFailedError:
    """The error for an operation that did not end well; `what` tells which, such as `could not create dev-app`."""
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
