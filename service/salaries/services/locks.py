"""One writer at a time: a lock on a table on PostgreSQL, the write lock itself on SQLite.

A table's lock needs the right to write it. An advisory lock needs none, so any login could keep loads and migrations
waiting.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import MigrationSchemaMissing
from django.db.migrations.recorder import MigrationRecorder

from salaries.models import ActiveRelease

DATASET_TABLE = ActiveRelease._meta.db_table
MIGRATION_TABLE = MigrationRecorder.Migration._meta.db_table
# Both conflict with themselves and let others read; the second also lets the migrating connection write its rows.
_DATASET_MODE = "SHARE ROW EXCLUSIVE"
_MIGRATION_MODE = "SHARE UPDATE EXCLUSIVE"
_WRITES = ("INSERT", "UPDATE", "DELETE")


class BusyError(Exception):
    """Somebody else holds the lock and did not finish in time."""


@contextlib.contextmanager
def dataset_transaction(using: str) -> Iterator[None]:
    """Run the block in one transaction that holds the dataset lock.

    Raises:
        BusyError: another process held it for too long.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(transaction.atomic(using=using))
        except OperationalError as error:
            # SQLite's transactions begin IMMEDIATE, which is the lock; it can't tell who holds it.
            if "database is locked" not in str(error):
                raise
            raise BusyError("Another process is writing to the database; try again later.") from error
        lock_dataset(using)
        yield


def lock_dataset(using: str, *, wait_seconds: int = 600) -> None:
    """Hold the dataset lock until the transaction ends; it waits for its holder and then names it.

    SQLite needs nothing here: beginning the transaction was the lock.

    Raises:
        BusyError: the holder did not finish within `wait_seconds`.
    """
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait_seconds}s"])
        # A savepoint, so that the transaction can still say who holds the lock.
        cursor.execute("SAVEPOINT dataset_lock")
        try:
            cursor.execute(f"LOCK TABLE {DATASET_TABLE} IN {_DATASET_MODE} MODE")
        except OperationalError as error:
            cursor.execute("ROLLBACK TO SAVEPOINT dataset_lock")
            holder = _holder(connection, DATASET_TABLE, "ShareRowExclusiveLock")
            raise BusyError(f"Another load is running ({holder}); try again later.") from error


@contextlib.contextmanager
def migration_lock(
    using: str, *, sleep: Callable[[float], None] = time.sleep, attempts: int = 600
) -> Iterator[BaseDatabaseWrapper]:
    """Hold the migration lock, on a connection of its own since a migration is many transactions; asked once a second.

    It polls because the migrating role has a short lock_timeout. Closing the connection gives the lock back.

    Raises:
        BusyError: another migration did not finish within `attempts` seconds.
    """
    _make_table(using)
    holder = connections.create_connection(using)
    try:
        holder.set_autocommit(False)
        for attempt in range(attempts):
            if _hold(holder):
                break
            if attempt + 1 < attempts:
                sleep(1)
        else:
            found = _holder(holder, MIGRATION_TABLE, "ShareUpdateExclusiveLock")
            raise BusyError(f"Another migration is running ({found}); try again later.")
        yield holder
    finally:
        holder.close()


def withhold_migrations(holder: BaseDatabaseWrapper) -> None:
    """Leave the table of migrations to its owner: a new table is for loads to write, this one is not."""
    with holder.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE e.grantee::regrole::text END "
            "FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) e "
            "WHERE c.oid = to_regclass(%s) AND e.grantee <> c.relowner AND e.privilege_type = ANY(%s)",
            [MIGRATION_TABLE, list(_WRITES)],
        )
        for (role,) in cursor.fetchall():
            # regrole has quoted the name where it must be.
            cursor.execute(f"REVOKE {', '.join(_WRITES)} ON {MIGRATION_TABLE} FROM {role}")
    holder.commit()


def _make_table(using: str) -> None:
    """The table of migrations, which the first migration makes for the lock."""
    recorder = MigrationRecorder(connections[using])
    try:
        recorder.ensure_schema()
    except MigrationSchemaMissing:
        # Another migration made it at the same moment.
        if not recorder.has_table():
            raise


def _hold(holder: BaseDatabaseWrapper) -> bool:
    """Whether the transaction that begins here has the lock."""
    try:
        with holder.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {MIGRATION_TABLE} IN {_MIGRATION_MODE} MODE NOWAIT")
    except OperationalError:
        holder.rollback()  # raises when it was the connection that failed
        return False
    return True


def _holder(connection: BaseDatabaseWrapper, table: str, mode: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.pid, coalesce(a.usename, '?'), coalesce(to_char(a.xact_start, 'HH24:MI:SS'), '?') "
            "FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.relation = to_regclass(%s) AND l.mode = %s AND l.granted "
            "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [table, mode],
        )
        row = cursor.fetchone()
    return f"process {row[0]}, user {row[1]}, since {row[2]}" if row else "it has just finished"
