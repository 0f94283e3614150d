"""The running environment from outside, over real HTTP and TLS on loopback, and from inside."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.operate.doctor.finding import Finding
from opsctl.operate.doctor.live import answers, certificate, inside, is_healthy, outside, redirects
from opsctl.operate.status.model import EnvironmentStatus, ServiceStatus, Unread
from tests.functional.iam.certificates import Authority
from tests.unit.stacks.reading import environment


@contextmanager
def serving(status: int = 200, keys: tuple[Path, Path] | None = None, **headers: str) -> Iterator[str]:
    """A server that always answers the same; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(HTTPServer):
        def handle_error(self, *_: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    if keys is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*keys)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http{'s' if keys else ''}://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_health_path_is_judged_as_the_load_balancer_does() -> None:
    with serving(204) as url:
        (found,) = answers(url, "200-299")
        assert found.verdict == "ok"
        (found,) = answers(url, "200")
    assert (found.verdict, "answers 204" in found.text) == ("wrong", True)
    (found,) = answers(url, "200")
    assert (found.verdict, "does not answer" in found.text) == ("wrong", True)


@pytest.mark.parametrize(
    ("status", "codes", "healthy"),
    [(200, "200", True), (301, "200,300-399", True), (404, "200,300-399", False), (399, "300-399", True)],
)
def test_codes_are_single_ones_and_ranges(status: int, codes: str, healthy: bool) -> None:
    assert is_healthy(status, codes) == healthy


def test_port_80_sends_on_or_it_is_wrong() -> None:
    with serving(301, Location="https://shop.example.com/") as url:
        assert [each.verdict for each in redirects(url, "https://x/")] == ["ok"]
    with serving(301, Location="http://shop.example.com/") as url:
        assert [each.verdict for each in redirects(url, "https://x/")] == ["wrong"]
    with serving(200) as url:
        assert [each.verdict for each in redirects(url, "https://x/")] == ["wrong"]
    assert [each.verdict for each in redirects(url, "https://x/")] == ["warning"]


def test_a_certificate_is_trusted_for_so_long_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority.create(tmp_path, "ours")
    keys = authority.issue(tmp_path, "shop.example.com", "127.0.0.1")
    with serving(200, keys, Strict_Transport_Security="max-age=1") as url:
        (found,) = certificate(url)
        assert (found.verdict, "no certificate to trust" in found.text) == ("wrong", True)
        assert list(answers(url, "200")) == [], "said once"
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
        (found,) = certificate(url)  # good for two days
        assert (found.verdict, "ends in" in found.text) == ("warning", True)
        (found,) = certificate(url, now=lambda: 0.0)
        assert (found.verdict, "trusted, for" in found.text) == ("ok", True)
        assert [each.verdict for each in answers(url, "200")] == ["ok"]
    with serving(200, keys) as url:
        assert "no Strict-Transport-Security" in list(certificate(url))[1].text


def test_what_is_asked_follows_from_the_address() -> None:
    target: Any = SimpleNamespace(env=environment("prd"))
    assert [each.area for each in outside(target, "https://app.salaries.example.com")] == ["health", "TLS", "redirect"]
    assert [each.area for each in outside(target, "http://lb.example.com")] == ["health"]
    assert outside(target, "") == []


def test_inside_is_what_the_status_says() -> None:
    bad = EnvironmentStatus(
        "dev", "now", problems=("Database db-1 is stopped.",), not_read=(Unread("alarms", "AWS denied it."),)
    )
    wrong, unread = inside(bad)
    assert (wrong.verdict, wrong.text) == ("wrong", "Database db-1 is stopped.")
    assert (unread.verdict, unread.read) == ("warning", False)
    assert list(inside(EnvironmentStatus("dev", "now"))) == [
        Finding("inside", "ok", "0 tasks, 0 healthy targets, no database")
    ]
    service = ServiceStatus("web", "s", 1, 1, 0, "COMPLETED", "")
    (one,) = inside(EnvironmentStatus("dev", "now", services=(service,)))
    assert one.text == "1 task, 0 healthy targets, no database"
