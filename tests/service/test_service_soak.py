"""Loads killed at random points while readers run: no partial or empty answer, no leftovers, and the next load works.

`make soak` kills the loader 200 times and its PostgreSQL backend 20 times, and stops the server five times; otherwise a
sample of them runs.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from http import HTTPStatus
from pathlib import Path

import pytest
from django.db import DatabaseError, InterfaceError, connections
from django.test import Client
from salaries.api.bodies import BODIES
from salaries.models import ActiveRelease, DatasetRelease, SalaryFacet, SalaryObservation, SalaryRoleAggregate
from salaries.services.releases import release_load

from tests.service.commands import command_environment, start_command
from tests.service.datasets import ROWS, write_canonical
from tests.service.postgres import PostgresServer
from tests.soak import SAMPLED, rounds

pytestmark = [
    *SAMPLED,
    pytest.mark.postgres,
    pytest.mark.parametrize("database", ["postgres"], indirect=True),
]
MANY = [(*row[:3], f"city {number}", *row[4:]) for number in range(300) for row in ROWS]


class Reader(threading.Thread):
    """Asks for figures again and again and keeps every count it was told."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[int] = set()
        self.answered = threading.Event()
        self.stopped = threading.Event()

    def run(self) -> None:
        client = Client()
        while not self.stopped.is_set():
            BODIES.clear()  # each answer is to come from the database
            # A killed backend takes the server through recovery; being refused then is honest, a wrong count is not.
            with contextlib.suppress(DatabaseError, InterfaceError):
                answer = client.get("/api/salaries/", {"role": "sre", "country": "Brazil"})
                if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    self.seen.add(answer.json()["total_observations"])
                    self.answered.set()
                    continue
            connections["default"].close()
            time.sleep(0.05)
        connections.close_all()

    def __enter__(self) -> Reader:
        """Begin, and return once an answer came: the process may still remember an outage of the test before."""
        self.start()
        assert self.answered.wait(timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join(timeout=30)


def check_after(environment: dict[str, str], data_dir: Path, seen: set[int]) -> None:
    """Load once more undisturbed, and assert that nothing of the killed loads is left anywhere."""
    output, _ = (process := start_command(environment, "load_salary_dataset")).communicate(timeout=120)
    assert process.returncode == 0, output
    assert seen
    assert seen <= {20, 20 * 300}
    releases = set(DatasetRelease.objects.values_list("id", flat=True))
    for model in (SalaryObservation, SalaryFacet, SalaryRoleAggregate):
        assert set(model._base_manager.values_list("release_id", flat=True).distinct()) == releases
    active = ActiveRelease.objects.get().release_id
    assert SalaryObservation.objects.filter(release_id=active).count() == len(MANY)
    assert not (data_dir / "tmp").exists()


def start(data_dir: Path) -> dict[str, str]:
    """Publish a small release and prepare a large one; return the environment of its load."""
    release_load(canonical=write_canonical(data_dir / "salaries.csv", ROWS), append=False, allow_shrink=False)
    write_canonical(data_dir / "salaries.csv", MANY)
    return command_environment(data_dir)


def test_killed_loads_leave_nothing_and_readers_never_notice(database: str, data_dir: Path) -> None:
    environment = start(data_dir)
    picks = random.Random(3)
    with Reader() as reader:
        for _ in range(rounds(sample=4, whole=200)):
            process = start_command(environment, "load_salary_dataset")
            time.sleep(picks.uniform(0.5, 1.6))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
    check_after(environment, data_dir, reader.seen)


def test_killed_backends_fail_the_load_and_nothing_else(database: str, data_dir: Path) -> None:
    environment = start(data_dir)
    killed = 0
    with Reader() as reader:
        for _ in range(rounds(sample=2, whole=20)):
            process = start_command(environment, "load_salary_dataset")
            killed += kill_backend(process)
            process.communicate(timeout=60)
    wait_for_recovery()
    assert killed > 0
    check_after(environment, data_dir, reader.seen)


def test_a_server_that_stops_at_once_loses_nothing(
    database: str, data_dir: Path, postgres_server: PostgresServer
) -> None:
    environment = start(data_dir)
    failed = 0
    with Reader() as reader:
        for _ in range(rounds(sample=1, whole=5)):
            process = start_command(environment, "load_salary_dataset")
            wait_for_writing(process)
            connections["default"].close()
            postgres_server.crash()
            process.communicate(timeout=60)
            failed += process.returncode != 0
    wait_for_recovery()
    assert failed > 0
    check_after(environment, data_dir, reader.seen)


def test_refreshes_at_once_and_again_agree(database: str, data_dir: Path) -> None:
    environment = command_environment(data_dir)
    running = [start_command(environment, "refresh_salary_dataset") for _ in range(4)]
    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    release = DatasetRelease.objects.get()
    assert release.row_count == SalaryObservation.objects.count() == 170
    canonical = (data_dir / "salaries.csv").read_bytes()
    for _ in range(3):
        output, _ = (process := start_command(environment, "refresh_salary_dataset")).communicate(timeout=120)
        assert process.returncode == 0, output
        assert f"checksum {release.checksum[:12]}" in output
    assert DatasetRelease.objects.get() == release
    assert (data_dir / "salaries.csv").read_bytes() == canonical
    assert not (data_dir / "tmp").exists()


def wait_for_recovery() -> None:
    """Wait until the server accepts connections again."""
    for _ in range(300):
        connections["default"].close()
        with contextlib.suppress(DatabaseError, InterfaceError):
            connections["default"].ensure_connection()
            return
        time.sleep(0.1)
    raise AssertionError("the server did not come back")


def kill_backend(process: subprocess.Popen[str]) -> bool:
    """SIGKILL the backend that serves `process`, once it has begun to write."""
    backend = wait_for_writing(process)
    if backend:
        os.kill(backend, signal.SIGKILL)
    return backend is not None


def wait_for_writing(process: subprocess.Popen[str]) -> int | None:
    """Return the id of the backend that serves `process` once it writes, or None when the process ended before."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'opsctl-service' AND datname = current_database() "
        "AND (query LIKE 'COPY%%' OR query LIKE 'SELECT%%' OR query LIKE 'WITH%%')"
    )
    while process.poll() is None:
        with contextlib.suppress(DatabaseError, InterfaceError):
            with connections["default"].cursor() as cursor:
                cursor.execute(query)
                row = cursor.fetchone()
            if row:
                return int(row[0])
            time.sleep(0.02)
            continue
        connections["default"].close()
        time.sleep(0.05)
    return None
