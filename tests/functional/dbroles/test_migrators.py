"""Ten migrate tasks at once, as real processes and as the migrator role: one applies, the others wait, none fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.functional.cli import ROOT
from tests.functional.dbroles.servers import Server
from tests.functional.dbroles.site import Site

pytestmark = pytest.mark.postgres

AT_ONCE = 10
MIGRATION_LOCK = 730_100_002  # service/salaries/services/locks.py
_numbers = count(5001)


@contextmanager
def fresh_site(server: Server) -> Iterator[Site]:
    """A database with its roles and no tables."""
    site = Site.create(server, next(_numbers))
    try:
        site.initialize()
        yield site
    finally:
        site.drop()


def start(site: Site, folder: Path) -> subprocess.Popen[str]:
    """The migrate task's command, in its environment."""
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEPLOY_ENV": "local",
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(site.server.port),
        "DB_NAME": site.database,
        "DB_USER": site.model.migrator,
        "DB_AUTH": "trust",
        "DATA_DIR": str(folder),
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate", "--no-input"], cwd=ROOT / "service", env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def wait_for_sessions(site: Site, migrators: list[subprocess.Popen[str]]) -> None:
    """Until all of them are connected, and so ask for the lock."""
    query = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{site.model.migrator}'"
    while site.ask(query) != [(len(migrators),)]:
        ended = [one for one in migrators if one.poll() is not None]
        assert not ended, ended[0].communicate()[0]
        time.sleep(0.05)


def run_at_once(site: Site, folder: Path) -> list[tuple[int, str]]:
    """Exit codes and outputs of ten migrators that all find the lock held, by the test, and then race for it."""
    with closing(site.server.connect(database=site.database)) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        migrators = [start(site, folder) for _ in range(AT_ONCE)]
        wait_for_sessions(site, migrators)
        cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
    outputs = [one.communicate(timeout=120)[0] for one in migrators]
    return [(one.returncode, output) for one, output in zip(migrators, outputs, strict=True)]


def check_rounds(server: Server, folder: Path, rounds: int) -> None:
    for _ in range(rounds):
        with fresh_site(server) as site:
            ran = run_at_once(site, folder)
            assert [code for code, _ in ran] == [0] * AT_ONCE, ran
            assert sum("Applying salaries.0001_initial... OK" in output for _, output in ran) == 1
            assert sum("No migrations to apply" in output for _, output in ran) == AT_ONCE - 1
            held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
            assert site.ask(held) == [(0,)]
            owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'app'"
            assert site.ask(owners) == [(site.model.owner,)]


def test_one_of_ten_migrators_applies_and_none_fails(one_server: Server, tmp_path: Path) -> None:
    check_rounds(one_server, tmp_path, 1)


@pytest.mark.soak
def test_one_of_ten_migrators_applies_in_each_of_twenty_rounds(one_server: Server, tmp_path: Path) -> None:
    check_rounds(one_server, tmp_path, 20)
