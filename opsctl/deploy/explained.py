"""A stack's failure with its cause, where the evidence of its step tells more than CloudFormation does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsctl.deploy.events import ResourceChanged
from opsctl.deploy.evidence.causes import AGAIN, Events, exception_of, find_cause, is_about, unwrapped
from opsctl.deploy.evidence.telling import on_screen
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.left_running import DeadlineError

if TYPE_CHECKING:
    from opsctl.deploy.evidence.redaction import Redactor


def explained(error: StackFailedError, stack: str, evidence: Events, redact: Redactor) -> StackFailedError:
    """The error of a stack that failed. One whose own reason is the cause keeps its words."""
    if error.cause is None:
        return error
    failure, reason = error.cause, redact(error.cause.reason)
    # What began an operation that we ended never fails by itself.
    status = failure.status if error.task is None else f"{failure.status.partition('_')[0]}_FAILED"
    event = ResourceChanged(stack, failure.at, failure.logical_id, failure.type, status, reason)
    evidence = [each for each in evidence if is_about(each, event.to_dict())]
    found = find_cause([*evidence, event.to_dict()], stack)
    message, hint = error.message, error.hint
    detail = error.detail
    # One whose rollout we ended says itself why, but for a task whose log tells more: of one that ended by itself more
    # than its code, of one that still ran what it raised.
    if found is not None and (error.task is None or _told_by(error.task, evidence)):
        hint = hint if found.next == AGAIN else found.next
        if found.sentence != unwrapped(reason).rstrip("."):
            message = found.text
            detail = (*([f"{error.message}"] if error.task else []), *detail)
    return StackFailedError(message, hint=hint, cause=failure, task=error.task, detail=(*on_screen(evidence), *detail))


def _told_by(task: str, evidence: Events) -> bool:
    """Whether the evidence has a log of this task, which ended by itself with an exit code or raised something."""
    logs = (each for each in evidence if each.get("kind") == "task" and each.get("subject") == task)
    return any(each.get("lines") and (each.get("exit_code") or exception_of(each["lines"])) for each in logs)


def so_far(error: DeadlineError, stack: str, evidence: Events) -> DeadlineError:
    """The error of a stack that takes longer than anybody waits, with what holds it up."""
    found = find_cause(evidence, stack)
    if found is None:
        return DeadlineError(error.message, hint=error.hint, detail=on_screen(evidence))
    hint = f"{found.next} {error.hint}"
    return DeadlineError(f"{error.message} So far: {found.sentence}.", hint=hint, detail=on_screen(evidence))
