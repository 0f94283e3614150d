"""Log groups: made by the stacks, so that each has its retention and key before the first line is written."""

from __future__ import annotations

from typing import Any

from troposphere import logs

from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.kms import with_key


def log_group(stack: StackBuilder, title: str, name: str, key: Any) -> Any:
    """Add the group `name`. `key` is the ARN of the environment's key for logs; None for AWS's own.

    A protected environment's logs outlive its stack. Elsewhere they go with it: a group that stays would block the
    next create by its fixed name. [UG CFN validate-stack-deployments]
    """
    group = logs.LogGroup(title, LogGroupName=name, RetentionInDays=stack.env.observability.log_retention_days)
    with_key(group, key)
    if stack.env.security.termination_protection:
        return stack.keep(group)
    group.DeletionPolicy = "Delete"
    group.UpdateReplacePolicy = "Retain"
    return stack.add(group, stateful=True)
