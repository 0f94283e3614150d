"""SNS: who hears of a topic's messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated

# What stands where the ARN will, until somebody follows the link in the mail. [API ListSubscriptionsByTopic]
_PENDING = "PendingConfirmation"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One of a topic. `protocol` is such as email, `endpoint` the address; `confirmed` once messages arrive."""

    protocol: str
    endpoint: str
    confirmed: bool


class Topics:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def subscriptions(self, topic: str) -> tuple[Subscription, ...]:
        """Subscriptions of a topic, by ARN; nothing for one that is gone."""
        pages = self._client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        try:
            with translated():
                found = [each for page in pages for each in page["Subscriptions"]]
        except AwsError as error:
            if error.aws_code in {"NotFound", "NotFoundException"}:
                return ()
            raise
        return tuple(
            Subscription(each.get("Protocol", ""), each.get("Endpoint", ""), each.get("SubscriptionArn") != _PENDING)
            for each in found
        )
