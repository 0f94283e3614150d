"""A database that is there and does not answer, as in a fail-over: liveness, stored answers, and what the rest is told.

The service runs as an image runs it: with opsctl's hook, one worker of four threads, health checks of a load balancer.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
import pytest

from tests.service.postgres import PostgresServer, start_postgres
from tests.service.serving import Served, serving
from tests.service.test_service_serve import get

_IN_TREE = Path(__file__).parents[2] / "opsctl" / "layer" / "files" / "hook"
HOOK = {
    # Inside an image there is no tree, and the hook on the path already.
    "PYTHONPATH": str(_IN_TREE) if _IN_TREE.is_dir() else os.environ.get("PYTHONPATH", ""), "OPSCTL_THREADS": "4",
    "OPSCTL_HEALTH_PATH": "/healthz", "OPSCTL_HEALTH_HOST": "127.0.0.1",
}  # fmt: skip
STORED, OTHER = "/api/salaries/?role=qa_engineer", "/api/salaries/?role=sre&level="
Answer = tuple[int, dict[str, str], bytes]

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with start_postgres() as running:
        yield running


@pytest.fixture
def running(server: PostgresServer, tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, **HOOK, **server.variables()) as served:
        yield served


def test_a_frozen_database_takes_no_liveness_and_no_stored_answer_away(server: PostgresServer, running: Served) -> None:
    port = running.port
    before = get(port, STORED)
    assert before[0] == 200
    assert "warning" not in before[1]
    answers: list[Answer] = []
    slowest = 0.0
    with server.frozen():
        askers = [
            threading.Thread(target=lambda n=number: answers.append(get(port, f"{OTHER}l{n}"))) for number in range(24)
        ]
        for asker in askers:
            asker.start()
        end = time.monotonic() + 15
        while time.monotonic() < end:
            asked = time.monotonic()
            assert get(port, "/healthz")[0] == 200
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(0.05)
        for asker in askers:
            asker.join(timeout=60)
        stale = [get(port, STORED) for _ in range(20)]
    assert len(answers) == 24
    assert {status for status, _, _ in answers} == {503}
    assert {int(headers["retry-after"]) for _, headers, _ in answers} <= {2, 5}
    good = [answer for answer in stale if answer[0] == 200]
    assert len(good) >= 19, [answer[0] for answer in stale]  # one of them may be the one that asks the database again
    assert {(body, headers["warning"]) for _, headers, body in good} == {(before[2], '110 - "Response is Stale"')}
    assert slowest < 2.5  # under a second on an idle machine; a load balancer waits for five
    back = time.monotonic()
    while get(port, f"{OTHER}again")[0] != 200:
        assert time.monotonic() - back < 20
        time.sleep(0.1)
    assert "warning" not in get(port, STORED)[1]
    entries = [json.loads(line) for line in running.log.read_text().splitlines() if line.startswith("{")]
    assert not [entry for entry in entries if entry["level"] == "ERROR"]
    assert "Traceback" not in running.log.read_text()


def test_a_statement_that_takes_too_long_is_503_and_one_line(server: PostgresServer, running: Served) -> None:
    """A slow statement says nothing of the next one: the others are answered as ever."""
    name = str(running.variables["DB_NAME"])
    connection = psycopg2.connect(host="127.0.0.1", port=server.port, user=server.user, dbname=name)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET statement_timeout = '300ms'")
    server.process.signal_all(signal.SIGHUP)
    with connection.cursor() as cursor:
        # New connections have the time-out; those that the service keeps do not, so they are ended.
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [name],
        )
        assert get(running.port, STORED)[0] == 200
        cursor.execute("LOCK TABLE salaries_salaryobservation, salaries_salaryfacet IN ACCESS EXCLUSIVE MODE")
        status, headers, body = get(running.port, f"{OTHER}slow")
    connection.rollback()
    connection.close()
    assert (status, headers["retry-after"]) == (503, "5")
    assert json.loads(body) == {"error": "The database does not answer at the moment; try again in some seconds."}
    assert get(running.port, f"{OTHER}slow")[0] == 200
    entries = [json.loads(line) for line in running.log.read_text().splitlines() if line.startswith("{")]
    told = [entry for entry in entries if entry["level"] not in ("INFO",)]
    assert [entry["message"] for entry in told] == ["answered 503: canceling statement due to statement timeout"]


@dataclass
class Address:
    """One address of a database that fails over: new connections go to `leads_to`, old ones stay where they are."""

    leads_to: int
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def serve(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.leads_to))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    @staticmethod
    def _copy(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@dataclass
class Visitors:
    """Who asks all the time; what they got, by second since the start."""

    port: int
    seen: list[tuple[float, int, bool]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self, number: int) -> None:
        count = 0
        while not self.stop.is_set():
            count += 1
            path = STORED if count % 2 else f"{OTHER}v{number}-{count}"
            with contextlib.suppress(OSError):
                status, headers, _ = get(self.port, path)
                self.seen.append((time.monotonic(), status, "warning" in headers))
            time.sleep(0.05)


@pytest.mark.soak
def test_a_fail_over_to_another_server_is_ridden_out(server: PostgresServer, tmp_path: Path) -> None:
    """The old server freezes with its connections open; twenty seconds later its address leads to the new one."""
    with start_postgres() as standby:
        first, second = server.variables(), standby.variables()
        name = first["DB_NAME"]
        connection = psycopg2.connect(host="127.0.0.1", port=standby.port, user=standby.user, dbname="postgres")
        connection.autocommit = True
        connection.cursor().execute(f"ALTER DATABASE {second['DB_NAME']} RENAME TO {name}_copy")
        connection.close()
        address = Address(standby.port)
        threading.Thread(target=address.serve, daemon=True).start()
        port = str(address.listener.getsockname()[1])
        # Both hold the same data, as a standby does: it is loaded through the one address, first there, then here.
        with serving(tmp_path, **{**HOOK, **second, "DB_NAME": f"{name}_copy", "DB_PORT": port}):
            pass
        connection = psycopg2.connect(host="127.0.0.1", port=standby.port, user=standby.user, dbname="postgres")
        connection.autocommit = True
        connection.cursor().execute(f"ALTER DATABASE {name}_copy RENAME TO {name}")
        connection.close()
        address.leads_to = server.port
        with serving(tmp_path, **{**HOOK, **first, "DB_PORT": port}) as served:
            visitors = Visitors(served.port)
            askers = [threading.Thread(target=visitors.ask, args=(number,)) for number in range(6)]
            for asker in askers:
                asker.start()
            time.sleep(5)
            with server.frozen():
                frozen = time.monotonic()
                time.sleep(20)
                address.leads_to = standby.port
                over = time.monotonic()
                time.sleep(15)
                visitors.stop.set()
                for asker in askers:
                    asker.join(timeout=30)
        address.listener.close()
    during = [each for each in visitors.seen if frozen < each[0] < over]
    good = next(at for at, status, stale in visitors.seen if at > over and status == 200 and not stale)
    late = [status for at, status, _ in visitors.seen if at > over + 10]
    refused = sum(status != 200 for _, status, _ in during)
    print(f"\n  {len(during)} answers in 20 s, {refused} of them 503; good again after {good - over:.1f} s", end="")  # noqa: T201
    assert {status for _, status, _ in visitors.seen} <= {200, 503}
    assert any(status == 200 and stale for _, status, stale in during)
    assert good - over < 10
    assert set(late) == {200}
