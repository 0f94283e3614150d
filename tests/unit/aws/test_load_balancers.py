"""Elastic Load Balancing by Stubber: how the targets of a group are."""

from __future__ import annotations

import pytest

from opsctl.aws.errors import AwsError
from opsctl.aws.load_balancers import LoadBalancers, TargetHealth

from .clients import stubbed

GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"


def test_targets_are_told_with_the_reason_of_those_that_are_not_healthy() -> None:
    answer = {
        "TargetHealthDescriptions": [
            {
                "Target": {"Id": "10.0.0.1", "Port": 8000},
                "TargetHealth": {"State": "unhealthy", "Reason": "Target.Timeout", "Description": "Request timed out"},
            },
            {"Target": {"Id": "10.0.0.2", "Port": 8000}, "TargetHealth": {"State": "healthy"}},
        ]
    }
    with stubbed("elbv2") as (made, stub):
        stub.add_response("describe_target_health", answer, {"TargetGroupArn": GROUP})
        assert LoadBalancers(made).health(GROUP) == (
            TargetHealth("10.0.0.1:8000", "unhealthy", "Target.Timeout", "Request timed out"),
            TargetHealth("10.0.0.2:8000", "healthy"),
        )


def test_a_group_that_is_gone_has_no_targets_and_any_other_refusal_is_an_error() -> None:
    with stubbed("elbv2") as (made, stub):
        stub.add_client_error("describe_target_health", "TargetGroupNotFound", "gone")
        stub.add_client_error("describe_target_health", "AccessDenied", "no")
        assert LoadBalancers(made).health(GROUP) == ()
        with pytest.raises(AwsError):
            LoadBalancers(made).health(GROUP)
