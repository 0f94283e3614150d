"""Slow clients beside a health check, and requests that no browser sends: the bundled service and a stranger's site.

`make soak` attacks for ten seconds each, otherwise for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from opsctl.layer import contents
from tests.functional.layer import raw_requests
from tests.functional.layer.site import HOST
from tests.functional.layer.site import serving as serving_site
from tests.functional.layer.slow_clients import attacks, watch
from tests.functional.layer.test_servers import OPTIONS
from tests.ports import free_port
from tests.service.serving import serving as serving_service
from tests.soak import SAMPLED, WHOLE, rounds

LARGE_FILE = "/static/admin/js/vendor/jquery/jquery.js"
ATTACKS = {
    "service": attacks("/healthz", "/api/salaries/", "/dashboard/"),
    "stranger": attacks("/-/health", "/size", LARGE_FILE, f"Host: {HOST}\r\nX-Forwarded-Proto: https"),
}


class Running(NamedTuple):
    """A server under attack."""

    name: str
    port: int
    health: str
    log: Path


@pytest.fixture(scope="module", params=ATTACKS)
def running(
    request: pytest.FixtureRequest, venv: Path, site: Path, layer: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """One of the two with the layer, two workers and four threads each."""
    hook = contents.environment({}, layer)
    if request.param == "service":
        with serving_service(tmp_path_factory.mktemp("service"), **hook, WEB_CONCURRENCY="2") as served:
            yield Running("service", served.port, "/healthz", served.log)
        return
    port = free_port()
    variables = {
        **OPTIONS,
        **hook,
        "PATH": f"{venv / 'bin'}:/usr/bin:/bin",
        "PORT": str(port),
        "BIND_HOST": "127.0.0.1",
    }
    with serving_site([str(venv / "bin" / "python"), str(layer / "start.py")], port, site, variables):
        yield Running("stranger", port, "/-/health", site / f"server-{port}.log")


class TestSoak:
    """Slow clients."""

    pytestmark = SAMPLED

    # Who never reads asks for so much first that a second is too little to see by.
    @pytest.mark.parametrize("attack", [each for each in ATTACKS["service"] if WHOLE or each != "200 that never read"])
    def test_a_health_check_is_answered_within_a_second_throughout(self, running: Running, attack: str) -> None:
        with ATTACKS[running.name][attack].on(running.port):
            health = watch(running.port, running.health, rounds(sample=1, whole=10))
        assert health.failed == []
        assert health.worst < 1


def test_no_raw_request_is_taken_for_two_or_breaks_anything(running: Running) -> None:
    assert len(set(raw_requests.REQUESTS)) > 80
    before = running.log.stat().st_size  # a view that reads a body is told when its client is too slow, and raises
    seen = raw_requests.send_all(running.port)
    assert raw_requests.complaints(seen) == []
    log = running.log.read_bytes()[before:].decode()
    assert "Traceback" not in log
    if running.name == "service":
        entries = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        assert not [each for each in entries if each.get("path", "").startswith(raw_requests.SMUGGLED)]
    else:
        assert f'"GET {raw_requests.SMUGGLED}' not in log


@pytest.mark.parametrize(
    ("name", "value"),
    [("SCRIPT_NAME", "/healthz"), ("SCRIPT_NAME", "/evil"), ("PATH_INFO", "/healthz"), ("Script-Name", "/healthz")],
)
def test_nobody_moves_a_path_by_a_header(running: Running, name: str, value: str) -> None:
    def status(path: str, header: str = "") -> list[int]:
        return raw_requests.send(running.port, raw_requests.get(path.encode(), header.encode()), quiet=0.2).statuses

    assert status("/healthz/api/filters/", f"{name}: {value}\r\n") == status("/healthz/api/filters/")
    assert status(running.health, f"{name}: {value}\r\n") == [200]


def test_no_answer_names_its_server(running: Running) -> None:
    assert raw_requests.headers(running.port, running.health).get("Server") is None
