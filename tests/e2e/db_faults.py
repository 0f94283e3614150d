"""Twelve ways in which DbInit can fail during a deploy, brought about for real and taken back afterwards."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2

from opsctl.dbroles.apply import ADVISORY_LOCK

from .conftest import Project

DATABASE, MASTER = "salaries", "opsctl_master"
SUPERUSER = "opsctl_superuser"  # of the local server; db init never uses it


def admin(project: Project, database: str = DATABASE) -> Any:
    """A connection of the local server's superuser, to do to the server what an accident would."""
    endpoints = project.target.ensure_started()
    connection = psycopg2.connect(
        host=endpoints.postgres_host, port=endpoints.postgres_port, user=SUPERUSER, dbname=database,
        password=(project.root / ".opsctl" / "local" / "postgres.password").read_text(),
    )  # fmt: skip
    connection.autocommit = True
    return connection


def run(project: Project, *statements: str, database: str = DATABASE) -> None:
    with closing(admin(project, database)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def secret(project: Project, change: Callable[[str], str]) -> Iterator[None]:
    """The master's secret, changed."""
    arn = project.opsctl("outputs", "--env", "local", "--json", "data.MasterSecretArn").json
    good = project.aws("secretsmanager", "get-secret-value", "--secret-id", arn)["SecretString"]
    project.aws("secretsmanager", "put-secret-value", "--secret-id", arn, "--secret-string", change(good))
    yield
    project.aws("secretsmanager", "put-secret-value", "--secret-id", arn, "--secret-string", good)


@contextmanager
def silent_server(project: Project) -> Iterator[None]:
    """Connections are accepted by the kernel and never answered, as behind a rule that drops packets."""
    pid = project.target.status().postgres_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def renamed_database(project: Project) -> Iterator[None]:
    def rename(old: str, new: str) -> None:
        run(
            project,
            f"ALTER DATABASE {old} ALLOW_CONNECTIONS false",
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{old}'",
            f"ALTER DATABASE {old} RENAME TO {new}",
            f"ALTER DATABASE {new} ALLOW_CONNECTIONS true",
            database="postgres",
        )

    rename(DATABASE, "elsewhere")
    yield
    rename("elsewhere", DATABASE)


@contextmanager
def held_lock(project: Project) -> Iterator[None]:
    with closing(admin(project)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
        yield


@contextmanager
def server_that(project: Project, body: str) -> Iterator[None]:
    """A server that does something of its own when db init creates a schema, which it has to do once more."""
    run(
        project,
        "DROP SCHEMA stage",
        f"CREATE FUNCTION public.fault() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        "CREATE EVENT TRIGGER fault ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION public.fault()",
    )
    yield
    run(project, "DROP EVENT TRIGGER fault", "DROP FUNCTION public.fault()")


@contextmanager
def done(project: Project, statement: str, undo: str) -> Iterator[None]:
    run(project, statement)
    yield
    run(project, undo, database="postgres")


@contextmanager
def edited(project: Project, *edits: tuple[str, str, str]) -> Iterator[None]:
    """Sources of the project's own copy of opsctl, changed: (path, old, new)."""
    before = {path: (project.root / path).read_text() for path, _, _ in edits}
    for path, old, new in edits:
        text = (project.root / path).read_text()
        assert old in text
        (project.root / path).write_text(text.replace(old, new))
    yield
    for path, text in before.items():
        (project.root / path).write_text(text)


@dataclass(frozen=True)
class Fault:
    """How to bring it about, and what the screen has to say: the cause, and in the same sentence the next step."""

    bring: Callable[[Project], AbstractContextManager[None]]
    cause: str
    step: str


PROTOCOL, PART = "opsctl/dbroles/protocol.py", "opsctl/stacks/parts/db_init.py"
REFUSED = ("kind(parts.hostname, port, timeout", "kind(parts.hostname, 9, timeout")
SHORT_SECONDS = 20
SHORT = (PART, "SERVICE_SECONDS = 180", f"SERVICE_SECONDS = {SHORT_SECONDS}")
"""How long CloudFormation waits for DbInit's answer, on the way back as well: by the template that is deployed then."""

FAULTS: dict[str, Fault] = {
    "bad secret": Fault(
        lambda project: secret(project, lambda _: "password=hunter2"),
        "not a JSON object with the texts username and password",
        "put the master's user name and password into the secret",
    ),
    "no network": Fault(silent_server, "did not answer in time", "check the database's address and port"),
    "wrong password": Fault(
        lambda project: secret(project, lambda text: re.sub(r'("password": ?")[^"]*', r"\1hunter2", text)),
        "did not let the master user in",
        "a rotation that broke off leaves them apart",
    ),
    "unknown database": Fault(renamed_database, "has no database salaries", "check rds.database in the configuration"),
    "lock held": Fault(held_lock, "has held the lock of db init", "wait for the other run to end"),
    "syntax error": Fault(
        lambda project: server_that(project, "EXECUTE 'GRANT CONECT ON';"),
        "Could not create schema stage",
        "this is a fault of opsctl",
    ),
    "time-out": Fault(
        lambda project: server_that(project, "PERFORM pg_sleep(60);"),
        "canceling statement due to statement timeout",
        "see what keeps the server busy",
    ),
    "disk full": Fault(
        lambda project: server_that(
            project, "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';"
        ),
        "No space left on device",
        "enlarge the database's storage",
    ),
    "read-only server": Fault(
        lambda project: done(
            project,
            f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on",
            f"ALTER DATABASE {DATABASE} RESET default_transaction_read_only",
        ),
        "in a read-only transaction",
        "use the primary's endpoint",
    ),
    "missing privilege": Fault(
        lambda project: done(project, f"ALTER ROLE {MASTER} NOCREATEROLE", f"ALTER ROLE {MASTER} CREATEROLE"),
        "may not create roles",
        "connect as the master user",
    ),
    "bad event": Fault(
        lambda project: edited(project, (PART, 'Port=stack.output_of("data", "DatabasePort")', 'Port="54x2"')),
        "The port is '54x2'",
        "give a port from 1 to 65535",
    ),
    "response URL refused": Fault(
        lambda project: edited(project, (PROTOCOL, *REFUSED)),
        f"timed out after {SHORT_SECONDS}s",
        "",
    ),
}
