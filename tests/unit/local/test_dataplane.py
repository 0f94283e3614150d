"""Which target a request goes to."""

from __future__ import annotations

import pytest

from opsctl.local.emulator.dataplane import choose_target
from opsctl.local.tasks.health import matches

TARGETS = [{"Id": "starting"}, {"Id": "well"}, {"Id": "ill"}]
STATES = {"starting": "initial", "well": "healthy", "ill": "unhealthy"}


def chosen(*names: str) -> str | None:
    target = choose_target([each for each in TARGETS if each["Id"] in names], STATES.__getitem__)
    return str(target["Id"]) if target else None


def test_it_prefers_healthy_targets() -> None:
    assert {chosen("starting", "well", "ill") for _ in range(20)} == {"well"}


def test_it_falls_back_to_unhealthy_targets_as_load_balancers_do() -> None:
    assert {chosen("starting", "ill") for _ in range(20)} == {"ill"}


def test_it_never_chooses_a_target_that_is_still_starting() -> None:
    assert chosen("starting") is None
    assert chosen() is None


@pytest.mark.parametrize(
    ("status", "matcher", "passes"),
    [(200, "200", True), (204, "200", False), (302, "200,302", True), (250, "200-299", True), (300, "200-299", False)],
)
def test_it_reads_matchers(status: int, matcher: str, passes: bool) -> None:
    assert matches(status, matcher) is passes
