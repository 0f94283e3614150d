"""A stack's failure with its cause, where the evidence of its step tells more than CloudFormation does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opsctl.deploy.events import ResourceChanged
from opsctl.deploy.evidence.causes import AGAIN, Events, find_cause, is_about, unwrapped
from opsctl.deploy.evidence.telling import on_screen
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.stackrun.stream import DeadlineError

if TYPE_CHECKING:
    from opsctl.deploy.evidence.redaction import Redactor

_EXIT_CODE = re.compile(r"tasks ended with exit code \d+")


def explained(error: StackFailedError, stack: str, evidence: Events, redact: Redactor) -> StackFailedError:
    """The error of a stack that failed. One whose own reason is the cause keeps its words."""
    if error.cause is None:
        return error
    failure, reason = error.cause, redact(error.cause.reason)
    event = ResourceChanged(stack, failure.at, failure.logical_id, failure.type, failure.status, reason)
    evidence = [each for each in evidence if is_about(each, event.to_dict())]
    found = find_cause([*evidence, event.to_dict()], stack)
    message, hint = error.message, error.hint
    if found is not None and error.task is None:
        hint = hint if found.next == AGAIN else found.next
        if found.sentence != unwrapped(reason).rstrip("."):
            message = found.text
    elif found is not None and _EXIT_CODE.search(message) and any(each.get("lines") for each in evidence):
        # A rollout that we ended says itself why; of tasks that ended alike their log knows more than their exit code.
        message = f"{stack}: {failure.logical_id} failed: {found.sentence}"
    return StackFailedError(
        message, hint=hint, cause=failure, task=error.task, detail=(*on_screen(evidence), *error.detail)
    )


def so_far(error: DeadlineError, stack: str, evidence: Events) -> DeadlineError:
    """The error of a stack that takes longer than anybody waits, with what holds it up."""
    found = find_cause(evidence, stack)
    if found is None:
        return DeadlineError(error.message, hint=error.hint, detail=on_screen(evidence))
    hint = f"{found.next} {error.hint}"
    return DeadlineError(f"{error.message} So far: {found.sentence}.", hint=hint, detail=on_screen(evidence))
