"""Elastic Load Balancing by Stubber."""

from __future__ import annotations

import pytest

from opsctl.aws.errors import AwsError
from opsctl.aws.load_balancers import LoadBalancers, TargetHealth

from .clients import stubbed


def test_a_target_tells_why_it_is_unhealthy() -> None:
    text = "Health checks failed with these codes: [404]"
    told = {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": text}
    answer = {
        "TargetHealthDescriptions": [
            {"Target": {"Id": "10.0.0.1", "Port": 8000}, "TargetHealth": told},
            {"Target": {"Id": "10.0.0.2"}, "TargetHealth": {"State": "healthy"}},
        ]
    }
    with stubbed("elbv2") as (made, stub):
        stub.add_response("describe_target_health", answer, {"TargetGroupArn": "group"})
        assert LoadBalancers(made).target_health("group") == (
            TargetHealth("10.0.0.1", 8000, "unhealthy", "Target.ResponseCodeMismatch", text),
            TargetHealth("10.0.0.2", 0, "healthy"),
        )


def test_a_target_group_that_is_gone_has_no_targets() -> None:
    with stubbed("elbv2") as (made, stub):
        stub.add_client_error("describe_target_health", "TargetGroupNotFound")
        assert LoadBalancers(made).target_health("group") == ()
        stub.add_client_error("describe_target_health", "AccessDenied")
        with pytest.raises(AwsError):
            LoadBalancers(made).target_health("group")
