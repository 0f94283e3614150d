"""A database that is there and does not answer, as in a fail-over: liveness, stored answers, and what the rest is told.

The service runs as an image runs it: with opsctl's hook, one worker of four threads, health checks of a load balancer.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from tests.functional.cli import ROOT
from tests.service.postgres import PostgresServer, start_postgres
from tests.service.serving import Served, serving
from tests.service.test_service_serve import get

HOOK = {
    "PYTHONPATH": str(ROOT / "opsctl" / "layer" / "files" / "hook"), "OPSCTL_THREADS": "4",
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
