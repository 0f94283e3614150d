"""Elastic Load Balancing: how a group's targets are."""

from __future__ import annotations

import pytest

from opsctl.aws.errors import AwsError
from opsctl.aws.load_balancers import LoadBalancers, TargetHealth

from .clients import stubbed


def test_targets_tell_state_reason_and_what_was_answered() -> None:
    sick = {
        "Target": {"Id": "10.0.0.1", "Port": 8000},
        "TargetHealth": {
            "State": "unhealthy", "Reason": "Target.ResponseCodeMismatch",
            "Description": "Health checks failed with these codes: [404]",
        },
    }  # fmt: skip
    well = {"Target": {"Id": "10.0.0.2", "Port": 8000}, "TargetHealth": {"State": "healthy"}}
    with stubbed("elbv2") as (made, stub):
        stub.add_response("describe_target_health", {"TargetHealthDescriptions": [sick, well]}, {"TargetGroupArn": "g"})
        found = LoadBalancers(made).target_health("g")
    assert found == [
        TargetHealth("10.0.0.1", 8000, "unhealthy", "Target.ResponseCodeMismatch",
                     "Health checks failed with these codes: [404]"),
        TargetHealth("10.0.0.2", 8000, "healthy"),
    ]  # fmt: skip


def test_a_group_that_is_gone_has_none_and_one_that_may_not_be_read_is_refused() -> None:
    with stubbed("elbv2") as (made, stub):
        stub.add_client_error("describe_target_health", "TargetGroupNotFound")
        assert LoadBalancers(made).target_health("g") == []
        stub.add_client_error("describe_target_health", "AccessDenied")
        with pytest.raises(AwsError):
            LoadBalancers(made).target_health("g")
