"""CloudFormation's wait for a service of the emulator's ECS, and how many tasks it runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.local.state import Json
from opsctl.local.tasks.ecs import _wait_steady, install_scaling

SCALABLE = "AWS::ApplicationAutoScaling::ScalableTarget"
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


@pytest.mark.parametrize(("now", "asked", "told"), [(1, "3", 3), (3, 1, 1), (2, 2, None)])
def test_as_many_tasks_run_as_a_scalable_target_asks_for(now: int, asked: object, told: int | None) -> None:
    updated: list[Json] = []
    ecs = SimpleNamespace(_services={"c/s": {"desiredCount": now}}, _update_service=updated.append)
    handlers: dict[str, Any] = {SCALABLE: {"create": lambda *_: ("id", {}), "update": lambda *_: ("id", {})}}
    install_scaling(SimpleNamespace(_RESOURCE_HANDLERS=handlers), ecs)
    props = {"ResourceId": "service/c/s", "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": asked}

    assert handlers[SCALABLE]["create"]("Target", props, "stack") == ("id", {})
    assert handlers[SCALABLE]["update"]("id", {}, props, "stack", "Target") == ("id", {})

    wanted = {"cluster": "c", "service": "s", "desiredCount": told}
    assert updated == ([] if told is None else [wanted, wanted])
