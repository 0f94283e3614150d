"""Probes as a load balancer sends them: by address, over http, without forwarding headers, whatever TLS says."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.service.conftest import use_database

AS_A_LOAD_BALANCER: dict[str, Any] = {"HTTP_HOST": "10.0.12.34", "HTTP_USER_AGENT": "ELB-HealthChecker/2.0"}


@pytest.fixture
def behind_tls(settings: Any) -> None:
    """Settings as in production: redirect to https, one allowed host."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = ["salaries.example.com"]


@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "/health/"])
def test_liveness_answers_a_load_balancer_without_touching_the_database(
    database: str, behind_tls: None, path: str
) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = Client().get(path, **AS_A_LOAD_BALANCER)
    assert (answer.status_code, answer.content) == (200, b"OK")
    assert len(queries) == 0


def test_probes_only_answer_reading_methods(database: str) -> None:
    for path in ("/healthz", "/readyz"):
        assert Client().post(path).status_code == Client().generic("TRACE", path).status_code == 405
        assert Client().head(path).status_code == 200


def test_other_paths_keep_their_checks(database: str, behind_tls: None) -> None:
    assert Client().get("/api/filters/", HTTP_HOST="salaries.example.com").status_code == 301
    assert Client().get("/api/filters/", **AS_A_LOAD_BALANCER).status_code == 400


def test_readiness_is_200_when_the_database_is_migrated(database: str, behind_tls: None) -> None:
    answer = Client().get("/readyz", **AS_A_LOAD_BALANCER)
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_readiness_says_that_migrations_are_pending_and_the_log_which(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations")
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "reason": "migrations not applied"}
    assert "not ready: migrations not applied: salaries.0001_initial, salaries.0002_activations" in caplog.text


def test_readiness_tells_nobody_where_the_database_is_but_the_log(
    data_dir: object, django_db_blocker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere: dict[str, object] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "x",
        "HOST": "127.0.0.1",
        "PORT": "1",
        "OPTIONS": {"connect_timeout": 2},
    }
    with django_db_blocker.unblock(), use_database(nowhere):
        answer = Client().get("/readyz")
        connections["default"].close()
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "reason": "database unreachable"}
    assert "not ready: database unreachable: " in caplog.text
    assert "127.0.0.1" in caplog.text
