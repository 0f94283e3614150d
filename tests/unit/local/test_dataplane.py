"""Which target a request goes to, and when a listener's port answers."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.local.emulator.dataplane import Listeners, choose_target
from opsctl.local.state import StateDir, read_json
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


def test_whoever_reads_of_a_port_can_connect_at_once(tmp_path: Path) -> None:
    """Before the event loop has had a turn."""
    distributions = {("1", "E1"): {"DomainName": "site.example"}}
    modules: Any = SimpleNamespace(
        app=None, iam_evaluator=None, responses=SimpleNamespace(request_scope=None),
        alb=SimpleNamespace(_listeners=SimpleNamespace(all_items=list)),
        cloudfront=SimpleNamespace(_distributions=SimpleNamespace(_data=distributions)),
    )  # fmt: skip
    names: Any = None

    async def connect() -> None:
        listeners = Listeners(StateDir(tmp_path), modules, names, touch=lambda: None)
        listeners.reconcile()
        port = read_json(StateDir(tmp_path).listeners)["site.example:443"]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        await listeners.close()

    asyncio.run(connect())
