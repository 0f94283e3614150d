"""A day of the service under gunicorn: connections break again and again, tokens run out, and nobody notices."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 names its class in lower case

from tests.functional.cli import ROOT
from tests.functional.iam.site import IamSite
from tests.ports import free_port

pytestmark = pytest.mark.postgres

STEP = 24 * 3600 / 1000
"""Seconds between two reconnects: a day has 1,000."""

REUSE = 600


@contextmanager
def gunicorn(site: IamSite, clock: Path, workers: int) -> Iterator[int]:
    """The service on a port of its own; it and its workers end with the block."""
    port = free_port()
    log = clock.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "gunicorn", "--config", "config/server.py", "--bind", f"127.0.0.1:{port}",
                "tests.functional.iam.simulated_day:application",
            ],
            cwd=ROOT / "service", stdout=output, stderr=output, start_new_session=True,
            env=site.environment(SIMULATED_CLOCK=str(clock), WEB_CONCURRENCY=str(workers), LOG_LEVEL="WARNING"),
        )  # fmt: skip
    try:
        for _ in range(300):
            if process.poll() is not None or ready(port) == 200:
                break
            time.sleep(0.1)
        assert process.poll() is None, log.read_text()
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ready(port: int) -> int:
    """Status of /readyz, which asks the database; 0 when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def signed_at(token: str) -> float:
    found = re.search(r"X-Amz-Date=(\w+)", token)
    assert found
    return datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def live_through(site: IamSite, clock: Path, reconnects: int, workers: int) -> tuple[list[int], list[str], int]:
    """Simulated hours: before each request every connection of the service is cut. Statuses, tokens, log-ins."""
    start = float(int(time.time()))
    clock.write_text(str(start))
    site.verifier.now = lambda: float(clock.read_text() or start)
    site.verifier.accepted.clear()
    site.verifier.refused.clear()
    statuses = []
    with (
        gunicorn(site, clock, workers) as port,
        closing(site.server.connect()) as admin,
        admin.cursor() as cursor,
    ):
        for number in range(reconnects):
            moved = clock.with_suffix(".new")
            moved.write_text(str(start + number * STEP))
            moved.replace(clock)
            cut_connections(cursor)
            statuses.append(ready(port))
    assert site.verifier.refused == []
    tokens = [password for user, password in site.verifier.accepted if user == "app_user"]
    return statuses, list(dict.fromkeys(tokens)), len(tokens)


def cut_connections(cursor: Cursor) -> None:
    """End every session of the service, and wait until the server is rid of them."""
    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app_user'")
    while cursor.rowcount:
        time.sleep(0.002)
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE usename = 'app_user'")


def check_hours(site: IamSite, folder: Path, reconnects: int, workers: int) -> None:
    statuses, tokens, log_ins = live_through(site, folder / "clock", reconnects, workers)
    assert statuses == [200] * reconnects
    assert log_ins >= reconnects
    assert len(list(folder.glob("clock.[0-9]*"))) == workers, "a worker never asked for a token"
    assert all(later - earlier >= REUSE for earlier, later in pairwise(map(signed_at, tokens)))
    sys.stdout.write(f"{reconnects} requests, {log_ins} log-ins, {len(tokens)} tokens, {workers} workers\n")


@pytest.fixture
def clock_kept(iam_site: IamSite) -> Iterator[IamSite]:
    before = iam_site.verifier.now
    yield iam_site
    iam_site.verifier.now = before


def test_two_workers_share_tokens_through_a_hundred_reconnects(clock_kept: IamSite, tmp_path: Path) -> None:
    check_hours(clock_kept, tmp_path, 100, workers=2)


@pytest.mark.soak
@pytest.mark.parametrize("workers", [1, 2])
def test_a_day_in_a_thousand_reconnects(clock_kept: IamSite, tmp_path: Path, workers: int) -> None:
    check_hours(clock_kept, tmp_path, 1000, workers)
