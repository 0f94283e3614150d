"""Fixtures of the service's tests: settings of a laptop, a fresh database a test, and a small dataset.

`database` gives each test its own migrated database: SQLite by default, a real PostgreSQL for tests and
parameters marked `postgres`. Nothing is wrapped in a transaction, because publishing a release is one.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_ENVIRONMENT = {
    "DEPLOY_ENV": "local",
    "DATA_DIR": tempfile.mkdtemp(prefix="service-tests-"),
    "ALLOWED_HOSTS": "testserver",
    "LOG_LEVEL": "ERROR",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}
_TAKEN_AWAY = ("DB_HOST", "DB_REPLICA_HOST", "DATASET_BUCKET", "TLS", "DJANGO_SECRET_KEY", "SALARY_SOURCES")


def _set_up_django() -> None:
    """Read the settings under a known environment, then leave the environment as it was for other tests."""
    before = {name: os.environ.get(name) for name in (*_ENVIRONMENT, *_TAKEN_AWAY)}
    for name in _TAKEN_AWAY:
        os.environ.pop(name, None)
    os.environ.update(_ENVIRONMENT)
    import django

    django.setup()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


_set_up_django()

from config.outage import OUTAGE  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.test import Client  # noqa: E402
from salaries.api.bodies import BODIES  # noqa: E402
from salaries.selectors.releases import POINTER  # noqa: E402
from salaries.selectors.rows import KNOWN_FACETS  # noqa: E402

from tests.service.browser import CHROMIUM  # noqa: E402
from tests.service.datasets import HEADER, ROWS, write_canonical  # noqa: E402
from tests.service.postgres import PostgresServer, start_postgres  # noqa: E402
from tests.service.web import Web, running_web  # noqa: E402

SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 60,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test run, on loopback; its template database is migrated."""
    with start_postgres() as server:
        yield server


@pytest.fixture
def data_dir(tmp_path: Path, settings: object) -> Path:
    """The test's own DATA_DIR."""
    folder = tmp_path / "data"
    folder.mkdir()
    settings.DATA_DIR = folder  # type: ignore[attr-defined]
    settings.RELEASE_CACHE_SECONDS = 0  # type: ignore[attr-defined]
    POINTER.forget()
    BODIES.clear()
    KNOWN_FACETS.clear()
    OUTAGE.forget()
    return folder


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on loopback without answers."""
    with running_web() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, data_dir: Path, django_db_blocker: pytest.FixtureRequest
) -> Iterator[str]:
    """A fresh, migrated `default` database; yields its vendor."""
    if request.param == "postgres":
        config = request.getfixturevalue("postgres_server").new_database()
    else:
        config = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(tmp_path / "test.sqlite3"),
            "OPTIONS": SQLITE_OPTIONS,
        }
    with django_db_blocker.unblock(), use_database(config):  # type: ignore[attr-defined]
        call_command("migrate", verbosity=0)
        yield connections["default"].vendor


@contextlib.contextmanager
def use_database(config: dict[str, object]) -> Iterator[None]:
    """Make `config` the default database until the end of the block."""
    before = connections.settings["default"]
    connections["default"].close()
    del connections["default"]
    connections.settings["default"] = connections.configure_settings({"default": dict(config)})["default"]
    try:
        yield
    finally:
        connections["default"].close()
        del connections["default"]
        connections.settings["default"] = before


@pytest.fixture
def loaded(database: str, data_dir: Path) -> str:
    """A database with the rows of `datasets.ROWS` as its active release; yields the vendor."""
    from salaries.services.releases import release_load

    canonical = write_canonical(data_dir / "salaries.csv", ROWS, header=HEADER)
    release_load(canonical=canonical, append=False, allow_shrink=False)
    return database


@pytest.fixture
def client() -> Client:
    """An HTTP client that lets errors of views through."""
    return Client()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless chromium."""
    from playwright.sync_api import sync_playwright

    # Playwright keeps an event loop in this thread, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-background-networking"]
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=options)
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that collects its errors and the addresses it asks for."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.problems, opened.requested = [], []
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    opened.on("console", lambda message: opened.problems.append(message.text) if message.type == "error" else None)
    opened.on("dialog", lambda dialog: (opened.problems.append("dialog"), dialog.dismiss()))
    opened.on("request", lambda request: opened.requested.append(request.url))
    yield opened
    context.close()


@pytest.fixture
def live(loaded: str, live_empty: str) -> str:
    """The address of a running service with the test's data."""
    return live_empty


@pytest.fixture
def live_empty(database: str, settings: Any) -> Iterator[str]:
    """The address of a running service without data."""
    from django.test.testcases import LiveServerThread

    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
    # Nothing serves static files: the page carries its own.
    server = LiveServerThread("127.0.0.1", lambda application: application)  # type: ignore[arg-type]
    server.daemon = True
    server.start()
    server.is_ready.wait(10)
    assert server.error is None
    yield f"http://127.0.0.1:{server.port}"
    server.terminate()
