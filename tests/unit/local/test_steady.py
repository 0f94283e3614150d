"""CloudFormation's wait for a service of the emulator's ECS."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from opsctl.local.tasks.ecs import _wait_steady

OLD = {"id": "old", "status": "PRIMARY", "rolloutState": "COMPLETED"}
FAILED = {"id": "new", "status": "ACTIVE", "rolloutState": "FAILED"}


def test_an_update_that_the_breaker_took_back_before_anyone_looked_has_failed() -> None:
    service = {"status": "ACTIVE", "serviceName": "web", "runningCount": 1, "desiredCount": 1, "events": [],
               "deployments": [FAILED, OLD]}  # fmt: skip
    ecs = SimpleNamespace(
        _services={"shop/web": service}, _primary_deployment=lambda _service: OLD, _iso=lambda: "2026-11-30T00:00:00Z"
    )
    with pytest.raises(ValueError, match="Circuit Breaker was triggered"):
        _wait_steady(ecs, "arn:aws:ecs:us-east-1:1:service/shop/web", {}, "app", frozenset({"old"}))
    _wait_steady(ecs, "arn:aws:ecs:us-east-1:1:service/shop/web", {}, "app", frozenset({"old", "new"}))
