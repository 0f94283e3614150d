"""What the local target tells of a task that fails its health checks: what ECS tells, in its words."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any, cast

import pytest

from opsctl.deploy.evidence.known_causes import known
from opsctl.local.tasks.health import HealthMonitor, _Assignment, _check

GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1"


def assignment(port: int, service: dict[str, Any] | None = None) -> _Assignment:
    group = {"HealthCheckPath": "/healthz", "HealthCheckTimeoutSeconds": 1, "Matcher": {"HttpCode": "200-299"}}
    return _Assignment(
        "1", "us-east-1", "dev/web", service or {}, {"taskArn": "task/1"}, GROUP, group, "127.0.0.1", port
    )


@contextmanager
def answering(status: int, seconds: float = 0.0) -> Iterator[int]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(seconds)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (204, ""),
        (404, "Health checks failed with these codes: [404]"),
        (503, "Health checks failed with these codes: [503]"),
    ],
)
def test_a_status_that_does_not_match_is_told(status: int, failure: str) -> None:
    with answering(status) as port:
        assert _check(assignment(port))[1] == failure


def test_a_target_that_is_too_slow_or_does_not_listen_is_told_apart() -> None:
    with answering(200, 1.5) as port:
        assert _check(assignment(port)) == ("Target.Timeout", "Request timed out")
    assert _check(assignment(port)) == ("Target.FailedHealthChecks", "Health checks failed")


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        ("Health checks failed with these codes: [404]", "the health check gets 404"),
        ("Request timed out", "the health check gets no answer in time"),
        ("Health checks failed", "the health check gets no connection"),
    ],
)
def test_a_task_that_is_given_up_leaves_an_event_that_names_the_cause(failure: str, cause: str) -> None:
    service: dict[str, Any] = {"serviceName": "web", "events": [{"message": f"{number}"} for number in range(100)]}
    ecs = SimpleNamespace(_mark_task_stopped=lambda *_: False)
    monitor = HealthMonitor(ecs, None, None, cast("Any", None), cast("Any", None))
    monitor._give_up(assignment(8000, service), failure)
    assert len(service["events"]) == 100
    newest = service["events"][0]["message"]
    assert newest == f"(service web) (port 8000) is unhealthy in (target-group {GROUP}) due to (reason {failure})"
    found = known(newest, "service")
    assert found is not None
    assert found.sentence.startswith(cause)
