"""A deploy that changed nothing says whether the environment serves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.aws.ecs import Service
from opsctl.aws.errors import AwsRefusedError
from opsctl.config.models import Environment
from opsctl.errors import OpsctlError
from opsctl.operate.serving import PATIENCE_SECONDS, require_serving

ENV = Environment.model_validate({
    "name": "dev", "service": "shop", "client": "acme", "region": "us-east-1",
    "application": {"path": ".", "settings": "shop.settings", "workers": {"mail": {"command": ("mail",)}}},
})  # fmt: skip
OUTPUTS = {"app": {"ServiceName": "dev-shop"}, "front": {"TargetGroupArn": "arn/group"}}


class World:
    """Services and targets by the number of looks at them; the last answer stays. Time passes only by sleeping."""

    def __init__(self, *looks: tuple[dict[str, tuple[int, int]], str]) -> None:
        self.looks = list(looks)
        self.asked = 0
        self.now = 0.0
        self.target: Any = SimpleNamespace(
            env=ENV,
            poll_seconds=5.0,
            aws=SimpleNamespace(
                ecs=SimpleNamespace(services=self.services),
                load_balancers=SimpleNamespace(target_health=self.health),
            ),
        )

    def services(self, _cluster: str, _names: list[str]) -> list[Service]:
        self.asked += 1
        found = self.look[0]
        return [Service(name, desired, running, 0, "COMPLETED", "", "") for name, (running, desired) in found.items()]

    def health(self, _group: str) -> list[Any]:
        return [SimpleNamespace(address="10.0.0.1", port=8000, state=self.look[1], reason="", description="")]

    @property
    def look(self) -> tuple[dict[str, tuple[int, int]], str]:
        return self.looks[min(self.asked, len(self.looks)) - 1]

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def require(self) -> None:
        require_serving(self.target, OUTPUTS, clock=lambda: self.now, sleep=self.sleep)


@pytest.mark.parametrize(
    ("services", "state", "said"),
    [
        ({"dev-shop": (0, 1)}, "healthy", "web runs 0 of 1 tasks"),
        ({"dev-shop": (1, 1)}, "unhealthy", "none of web's 1 tasks passes its health check"),
        ({"dev-shop": (2, 2), "dev-shop-mail": (0, 3)}, "healthy", "mail runs 0 of 3 tasks"),
    ],
)
def test_what_does_not_run_is_no_success(services: dict[str, tuple[int, int]], state: str, said: str) -> None:
    world = World((services, state))
    with pytest.raises(OpsctlError, match=said) as caught:
        world.require()
    assert caught.value.exit_code == 1
    assert "up to date" not in caught.value.message
    assert "opsctl status --env dev" in caught.value.hint
    assert world.now > PATIENCE_SECONDS


def test_a_task_that_was_just_replaced_gets_the_time_to_become_healthy() -> None:
    world = World(({"dev-shop": (0, 1)}, ""), ({"dev-shop": (1, 1)}, "initial"), ({"dev-shop": (1, 1)}, "healthy"))
    world.require()
    assert world.now == 10.0


def test_what_was_scaled_to_nothing_or_has_no_app_is_left_alone() -> None:
    world = World(({"dev-shop": (0, 0)}, "unused"))
    world.require()
    require_serving(world.target, {"network": {}})
    assert (world.asked, world.now) == (1, 0.0)


def test_who_may_not_ask_is_not_told() -> None:
    world = World(({"dev-shop": (1, 1)}, "healthy"))

    def refused(*_arguments: object) -> None:
        raise AwsRefusedError("no", aws_code="AccessDenied")

    world.target.aws.ecs.services = refused
    world.require()
