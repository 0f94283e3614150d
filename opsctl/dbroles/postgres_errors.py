"""What PostgreSQL and libpq say, as errors of this package that name cause and next step.

A failed connection has no SQLSTATE in psycopg2, so its text is looked at (libpq and RDS speak English); a failed
statement is told by its SQLSTATE (PostgreSQL manual, appendix A).
"""

from __future__ import annotations

import psycopg2

from opsctl.dbroles.errors import (
    ConcurrentChangeError,
    DbRolesError,
    LockHeldError,
    MissingPrivilegeError,
    OutOfTimeError,
    PasswordRefusedError,
    ServerFailedError,
    TlsRefusedError,
    UnknownDatabaseError,
    UnreachableError,
)
from opsctl.dbroles.settings import ConnectionSettings

_NETWORK_HINT = "Check the database's address and port, the security group rule and the routes of the subnets."
_CONNECT_TEXTS: tuple[tuple[tuple[str, ...], type[DbRolesError], str, str], ...] = (
    (
        ("certificate", "does not support ssl", "ssl error", "tls"),
        TlsRefusedError,
        "did not pass the TLS check",
        "Check that the CA bundle is the one of RDS and that the host name is the database's own endpoint.",
    ),
    (
        ("authentication failed", "no password supplied", "pg_hba.conf", "is not permitted to log in"),
        PasswordRefusedError,
        "did not let the master user in",
        "Check that the secret holds the password the server has; a rotation that broke off leaves them apart.",
    ),
    (
        ("could not translate host name",),
        UnreachableError,
        "has a host name that can't be resolved",
        "Check the endpoint and the DNS of the VPC.",
    ),
    (("timeout expired", "timed out"), UnreachableError, "did not answer in time", _NETWORK_HINT),
    (("connection refused",), UnreachableError, "refused the connection", _NETWORK_HINT),
    (("no route to host", "unreachable"), UnreachableError, "can't be reached", _NETWORK_HINT),
    (
        ("starting up", "shutting down", "recovery mode", "not yet accepting"),
        UnreachableError,
        "is starting or stopping",
        "Wait until the database is available, then try again.",
    ),
    (
        ("too many clients", "too many connections", "remaining connection slots"),
        UnreachableError,
        "has no free connection",
        "Close idle connections or raise max_connections, then try again.",
    ),
)


def explain_connect_failure(error: psycopg2.Error, settings: ConnectionSettings) -> DbRolesError:
    """The error for a connection that psycopg2 couldn't open."""
    text = str(error).strip()
    lowered = text.lower()
    said = _connect_words(text)
    if f'database "{settings.database.lower()}" does not exist' in lowered:
        source = "rds.database in the configuration" if settings.secret_arn else "the name that was given"
        return UnknownDatabaseError(
            f"The server at {settings.address} has no database {settings.database}.",
            hint=f"Check {source} against the databases of the server.",
        )
    if "role " in lowered and "does not exist" in lowered:
        return PasswordRefusedError(
            f"The server at {settings.address} does not know the master user ({said}).",
            hint="Check the user name in the master's secret.",
        )
    for marks, kind, what, hint in _CONNECT_TEXTS:
        if any(mark in lowered for mark in marks):
            return kind(f"The server at {settings.address} {what} ({said}).", hint=hint)
    return UnreachableError(f"No connection to the server at {settings.address} ({said}).", hint=_NETWORK_HINT)


def explain_statement_failure(error: psycopg2.Error, doing: str) -> DbRolesError:
    """The error for a statement that failed while `doing` (a phrase such as "make a a member of b")."""
    state = error.pgcode or ""
    said = (error.diag.message_primary or _first_line(str(error)) or type(error).__name__).strip()
    failed = f"Could not {doing}: {said}"
    if _is_race(state, said):
        return ConcurrentChangeError(f"{failed}.", hint="Another session changed roles at the same moment; try again.")
    for prefix, kind, code, hint in _STATES:
        if state.startswith(prefix):
            return kind(f"{failed} (SQLSTATE {state}).", hint=hint, code=code)
    if not state:
        return ServerFailedError(
            f"The connection broke: {failed}.",
            hint="See the server's log for a restart or failover, then try again.",
            code="connection-lost",
        )
    return ServerFailedError(f"{failed} (SQLSTATE {state}).", hint="See the server's log, then try again.")


_STATES: tuple[tuple[str, type[DbRolesError], str, str], ...] = (
    ("55P03", LockHeldError, "lock-held", "Wait for the session that holds the lock, or end it, then try again."),
    ("57014", OutOfTimeError, "out-of-time", "See what keeps the server busy, then try again."),
    ("53100", ServerFailedError, "disk-full", "Enlarge the database's storage, then try again."),
    (
        "25006",
        ServerFailedError,
        "read-only-server",
        "Use the primary's endpoint, or end read-only mode.",
    ),
    (
        "42501",
        MissingPrivilegeError,
        "missing-privilege",
        "Grant that right, or connect as the master user.",
    ),
    ("42601", ServerFailedError, "invalid-sql", "This is a fault of opsctl: report it with the statement named here."),
    ("53", ServerFailedError, "server-overloaded", "Give the server more resources or less work, then try again."),
    ("57P", ServerFailedError, "connection-lost", "Wait until the database is available again, then try again."),
    ("08", ServerFailedError, "connection-lost", "See the server's log for a restart or failover, then try again."),
)


def _is_race(state: str, said: str) -> bool:
    """Roles belong to the whole server, and the advisory lock to one database: two databases can collide."""
    if state in ("40001", "40P01"):
        return True
    if state == "XX000":
        return "concurrently" in said
    return state in ("23505", "42710") and ("pg_auth" in said or "already exists" in said)


def _connect_words(text: str) -> str:
    """The last reason libpq gives, without "connection to server … failed:" and "FATAL:" and without its advice."""
    lines = text.splitlines()
    reasons = [line.rpartition(" failed: ")[2] for line in lines if " failed: " in line] or lines[-1:]
    return reasons[-1].strip().removeprefix("FATAL:").strip().rstrip(".") if reasons else "no reason given"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip().rstrip(".")
