"""Words of PostgreSQL and libpq become errors with cause and next step; time that is used up is one, too."""

from __future__ import annotations

import psycopg2
import pytest

from opsctl.dbroles.bounded import UnfinishedError, run_bounded
from opsctl.dbroles.connection import Credentials, parse_secret
from opsctl.dbroles.deadline import Deadline
from opsctl.dbroles.errors import BadSecretError, DbRolesError, OutOfTimeError
from opsctl.dbroles.postgres_errors import explain_connect_failure, explain_statement_failure
from opsctl.dbroles.settings import ConnectionSettings

SETTINGS = ConnectionSettings("db.example", 5433, "appdb", user="master")
PREFIX = 'connection to server at "db.example" (10.0.0.1), port 5433 failed: '


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (PREFIX + 'FATAL:  password authentication failed for user "m"', "password-refused"),
        (PREFIX + 'FATAL:  PAM authentication failed for user "m"', "password-refused"),
        (PREFIX + 'FATAL:  no pg_hba.conf entry for host "10.0.0.2", user "m"', "password-refused"),
        (PREFIX + "FATAL:  pg_hba.conf rejects connection for host", "password-refused"),
        (PREFIX + "fe_sendauth: no password supplied", "password-refused"),
        (PREFIX + 'FATAL:  role "m" does not exist', "password-refused"),
        (PREFIX + 'FATAL:  database "appdb" does not exist', "unknown-database"),
        ('could not translate host name "db.example" to address: Name or service not known', "database-unreachable"),
        (PREFIX + "Connection refused\n\tIs the server running on that host?", "database-unreachable"),
        (PREFIX + "timeout expired", "database-unreachable"),
        (PREFIX + "No route to host", "database-unreachable"),
        (PREFIX + "FATAL:  the database system is starting up", "database-unreachable"),
        (PREFIX + "FATAL:  sorry, too many clients already", "database-unreachable"),
        (PREFIX + "FATAL:  remaining connection slots are reserved", "database-unreachable"),
        (PREFIX + "SSL error: certificate verify failed", "tls-refused"),
        (PREFIX + 'server certificate for "a" does not match host name "b"', "tls-refused"),
        (PREFIX + "server does not support SSL, but SSL was required", "tls-refused"),
        (PREFIX + "something new", "database-unreachable"),
        ("", "database-unreachable"),
    ],
)
def test_it_explains_a_connection_that_failed(text: str, code: str) -> None:
    error = explain_connect_failure(psycopg2.OperationalError(text), SETTINGS)
    assert error.code == code
    assert "db.example:5433" in error.message
    assert "\n" not in error.reason()
    assert error.hint


def test_it_keeps_the_reason_and_drops_the_decoration() -> None:
    text = PREFIX + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n"
    error = explain_connect_failure(psycopg2.OperationalError(text), SETTINGS)
    assert error.message == "The server at db.example:5433 refused the connection (Connection refused)."


def test_it_takes_an_error_without_a_state_for_a_broken_connection() -> None:
    error = explain_statement_failure(psycopg2.OperationalError("server closed\n\tunexpectedly"), "make a")
    assert error.code == "connection-lost"
    assert "Could not make a: server closed." in error.message


def test_it_makes_one_sentence_of_cause_and_next_step() -> None:
    assert DbRolesError("It broke.", hint="Repair it.").reason() == "It broke: repair it."
    assert DbRolesError("It broke.", hint="DB_HOST is wrong.").reason() == "It broke: DB_HOST is wrong."
    assert DbRolesError("It broke.").reason() == "It broke."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hush",
        "[]",
        '"hush"',
        '{"username": "u"}',
        '{"username": "", "password": "hush"}',
        '{"username": "u", "password": ["hush"]}',
        '{"username": "u", "password": "hush\\u0000"}',
    ],
)
def test_it_refuses_a_secret_without_showing_it(text: str) -> None:
    with pytest.raises(BadSecretError) as caught:
        parse_secret(text, "AWSCURRENT")
    assert "hush" not in str(caught.value)


def test_it_reads_a_secret_and_never_shows_its_password() -> None:
    found = parse_secret('{"username": "u", "password": "hush", "port": 1}', "AWSPENDING")
    assert found == Credentials("u", "hush", "AWSPENDING")
    assert "hush" not in repr(found)


def test_a_deadline_counts_on_its_own_clock() -> None:
    now = [100.0]
    deadline = Deadline(10, clock=lambda: now[0])
    deadline.check("starting", need=9)
    now[0] = 105.0
    assert deadline.remaining() == 5
    with pytest.raises(OutOfTimeError, match="used up before the commit"):
        deadline.check("the commit", need=6)
    now[0] = 200.0
    assert deadline.remaining() == 0
    with pytest.raises(OutOfTimeError):
        deadline.check("anything")


def test_bounded_work_hands_on_its_result_and_its_error() -> None:
    assert run_bounded(lambda: 42, 10) == 42

    def fail() -> int:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_bounded(fail, 10)


def test_bounded_work_is_left_when_its_time_is_over() -> None:
    from threading import Event

    released = Event()
    with pytest.raises(UnfinishedError):
        run_bounded(lambda: released.wait(30), 0.01)
    released.set()
