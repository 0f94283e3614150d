"""Whatever is wrong with the database, no answer tells where it is, what it is called or who logs in."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.db import connections
from django.test import Client

from tests.service.conftest import use_database
from tests.service.postgres import PostgresServer, start_postgres

pytestmark = pytest.mark.postgres

PATHS = ("/readyz", "/readyz/", "/healthz", "/", "/api/filters/", "/api/salaries/?page=2", "/nowhere", "/api/schema/")

FAULTS = {
    "unreachable": "timeout expired",
    "refused": "Connection refused",
    "wrong password": "password authentication failed",
    "unknown name": 'database "name_4711" does not exist',
}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that asks everybody but its superuser for a password."""
    with start_postgres() as running, contextlib.closing(_superuser(running)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE user_4711 LOGIN PASSWORD 'right'")
            cursor.execute("SHOW hba_file")
            (path,) = cursor.fetchone()
            lines = f"('host all {running.user} 127.0.0.1/32 trust'), ('host all all 127.0.0.1/32 scram-sha-256')"
            cursor.execute(f"COPY (VALUES {lines}) TO '{path}'")
            cursor.execute("SELECT pg_reload_conf()")
        yield running


def _superuser(server: PostgresServer) -> Any:
    return psycopg2.connect(host="127.0.0.1", port=server.port, user=server.user, dbname="postgres")


@pytest.fixture(params=FAULTS)
def broken(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Django's settings for a database that does not work."""
    found: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "NAME": "name_4711",
        "USER": "user_4711",
        "PASSWORD": "password_4711",
        "OPTIONS": {"connect_timeout": 2},
    }
    with contextlib.ExitStack() as stack:
        if request.param in ("unreachable", "refused"):
            # Without listen() the kernel refuses; with it, and nobody who accepts, there is never an answer.
            held = stack.enter_context(socket.socket())
            held.bind(("127.0.0.1", 0))
            if request.param == "unreachable":
                held.listen()
            yield {**found, "PORT": str(held.getsockname()[1])}
            return
        server: PostgresServer = request.getfixturevalue("server")
        right = {"PASSWORD": "right"} if request.param == "unknown name" else {"NAME": "postgres"}
        yield {**found, **right, "PORT": str(server.port)}


def test_no_answer_tells_anything_of_the_database(
    request: pytest.FixtureRequest,
    broken: dict[str, Any],
    data_dir: Path,
    django_db_blocker: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = ["127.0.0.1", str(broken["PORT"]), "name_4711", "4711", "postgres", "psycopg", "Traceback", "password"]
    statuses = {}
    with django_db_blocker.unblock(), use_database(broken):
        for path in PATHS:
            answer = Client(raise_request_exception=False).get(path)
            whole = json.dumps(dict(answer.headers)) + b"".join(answer).decode(errors="replace")
            assert [word for word in told if word in whole] == [], path
            statuses[path] = answer.status_code
        connections["default"].close()
    assert (statuses["/readyz"], statuses["/readyz/"], statuses["/healthz"]) == (503, 503, 200)
    assert statuses["/api/filters/"] >= 500
    assert "not ready: database unreachable: " in caplog.text
    assert FAULTS[request.node.callspec.params["broken"]] in caplog.text
