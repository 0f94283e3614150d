"""One writer at a time: an advisory lock on PostgreSQL, the write lock itself on SQLite."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from django.db import OperationalError, connections, transaction

# Arbitrary but fixed numbers, in one place so that two uses never collide.
DATASET_LOCK = 730_100_001
MIGRATION_LOCK = 730_100_002


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
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DATASET_LOCK])
        except OperationalError as error:
            cursor.execute("ROLLBACK TO SAVEPOINT dataset_lock")
            raise BusyError(f"Another load is running ({_holder(using, DATASET_LOCK)}); try again later.") from error


def lock_migrations(using: str, *, sleep: Callable[[float], None] = time.sleep, attempts: int = 600) -> None:
    """Hold the migration lock for this connection; it asks once a second.

    It polls because the migrating role has a short lock_timeout, which advisory locks obey as well.

    Raises:
        BusyError: another migration did not finish within `attempts` seconds.
    """
    for attempt in range(attempts):
        with connections[using].cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK])
            if cursor.fetchall() == [(True,)]:
                return
        if attempt + 1 < attempts:
            sleep(1)
    raise BusyError(f"Another migration is running ({_holder(using, MIGRATION_LOCK)}); try again later.")


def unlock_migrations(using: str) -> None:
    """Give the migration lock back."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def _holder(using: str, key: int) -> str:
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT l.pid, coalesce(a.usename, '?'), coalesce(to_char(a.xact_start, 'HH24:MI:SS'), '?') "
            "FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.locktype = 'advisory' AND l.objid = %s AND l.granted",
            [key],
        )
        row = cursor.fetchone()
    return f"process {row[0]}, user {row[1]}, since {row[2]}" if row else "it has just finished"
