"""SNS: subscriptions, confirmed or not."""

from __future__ import annotations

import pytest

from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.topics import Subscription, Topics

from .clients import stubbed

TOPIC = "arn:aws:sns:us-east-1:123456789012:t"


def test_a_subscription_that_nobody_confirmed_has_no_arn_yet() -> None:
    with stubbed("sns") as (made, stub):
        first = [{"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": "a@example.com"}]
        stub.add_response(
            "list_subscriptions_by_topic", {"Subscriptions": first, "NextToken": "n"}, {"TopicArn": TOPIC}
        )
        second = [{"SubscriptionArn": f"{TOPIC}:1", "Protocol": "email", "Endpoint": "b@example.com"}]
        stub.add_response(
            "list_subscriptions_by_topic", {"Subscriptions": second}, {"TopicArn": TOPIC, "NextToken": "n"}
        )
        assert Topics(made).subscriptions(TOPIC) == (
            Subscription("email", "a@example.com", False),
            Subscription("email", "b@example.com", True),
        )


def test_a_topic_that_is_gone_has_none_and_a_refusal_is_no_answer() -> None:
    with stubbed("sns") as (made, stub):
        stub.add_client_error("list_subscriptions_by_topic", "NotFound", "no")
        assert Topics(made).subscriptions(TOPIC) == ()
        stub.add_client_error("list_subscriptions_by_topic", "AuthorizationError", "no", http_status_code=403)
        with pytest.raises(AwsRefusedError):
            Topics(made).subscriptions(TOPIC)
