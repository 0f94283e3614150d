"""What to do with a stack in each of CloudFormation's 23 statuses, in one table.

Statuses: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What `opsctl deploy` does first with a stack. The value is what a person, and who reads the JSON, is told."""

    UNCHANGED = "unchanged"
    CREATE = "create"
    UPDATE = "update"
    FOLLOW = "follow the operation that is running"
    RECREATE = "delete what the failed operation left, then create"
    CONTINUE_ROLLBACK = "continue the rollback"
    ROLL_BACK = "roll back to the last stable state"
    REFUSE = "stop: a person has to decide"


ACTIONS: dict[str, Action] = {
    # A change set was made and never executed: the stack has no resources, and still needs a change set of type CREATE.
    "REVIEW_IN_PROGRESS": Action.CREATE,
    "CREATE_IN_PROGRESS": Action.FOLLOW,
    "CREATE_FAILED": Action.RECREATE,
    "CREATE_COMPLETE": Action.UPDATE,
    # After a failed create only deleting works.
    "ROLLBACK_IN_PROGRESS": Action.FOLLOW,
    "ROLLBACK_FAILED": Action.RECREATE,
    "ROLLBACK_COMPLETE": Action.RECREATE,
    "DELETE_IN_PROGRESS": Action.FOLLOW,
    "DELETE_FAILED": Action.RECREATE,
    "DELETE_COMPLETE": Action.CREATE,
    "UPDATE_IN_PROGRESS": Action.FOLLOW,
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": Action.FOLLOW,
    "UPDATE_COMPLETE": Action.UPDATE,
    # Only when somebody updated with rollback disabled.
    "UPDATE_FAILED": Action.ROLL_BACK,
    "UPDATE_ROLLBACK_IN_PROGRESS": Action.FOLLOW,
    "UPDATE_ROLLBACK_FAILED": Action.CONTINUE_ROLLBACK,
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": Action.FOLLOW,
    "UPDATE_ROLLBACK_COMPLETE": Action.UPDATE,
    "IMPORT_IN_PROGRESS": Action.FOLLOW,
    "IMPORT_COMPLETE": Action.UPDATE,
    "IMPORT_ROLLBACK_IN_PROGRESS": Action.FOLLOW,
    # No call resumes a failed import rollback; AWS asks to remove the resources from the template by hand.
    "IMPORT_ROLLBACK_FAILED": Action.REFUSE,
    "IMPORT_ROLLBACK_COMPLETE": Action.UPDATE,
}

GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
# As it was before a change that failed, or was cancelled.
WENT_BACK = "UPDATE_ROLLBACK_COMPLETE"
# The new state is in force; only replaced resources are still being removed. Dependents may go on.
SETTLED = GOOD | {"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"}


def action_for(status: str) -> Action:
    """The action for a status; REFUSE for one that this table does not know."""
    return ACTIONS.get(status, Action.REFUSE)


def is_terminal(status: str) -> bool:
    """Whether CloudFormation has stopped working on the stack."""
    return not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS"
