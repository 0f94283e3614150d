"""Dead-letter queues: what could not be started or handled, kept for someone to read."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, sqs

from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.policies import Statement, allow, deny, document

KEPT_SECONDS = 14 * 24 * 3600  # the longest SQS keeps a message [API SetQueueAttributes]


def dead_letter_queue(stack: StackBuilder, name: str) -> sqs.Queue:
    """Add queue `name`. SQS's own key suffices: what sends here does so with a role of this account."""
    queue = stack.add(sqs.Queue(name, KmsMasterKeyId="alias/aws/sqs", MessageRetentionPeriod=KEPT_SECONDS))
    insecure = deny(
        "RefusePlainHttp",
        ["sqs:ReceiveMessage", "sqs:SendMessage"],
        GetAtt(queue, "Arn"),
        principal="*",
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )
    stack.add(sqs.QueuePolicy(f"{name}Policy", Queues=[Ref(queue)], PolicyDocument=document(insecure)))
    return queue


def may_send(queue_arn: Any) -> Statement:
    """What the sender's role needs."""
    return allow("KeepWhatFailed", "sqs:SendMessage", queue_arn)
