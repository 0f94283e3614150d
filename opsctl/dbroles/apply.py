"""Apply a plan: one transaction under an advisory lock, verified before it is committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names its class in lower case

from opsctl.dbroles.catalog import Catalog
from opsctl.dbroles.catalog_reader import read_catalog
from opsctl.dbroles.changes import Change, CreateExtension, GrantRole, RevokeRole
from opsctl.dbroles.connection import LOCK_SECONDS, STATEMENT_SECONDS, MasterOpener
from opsctl.dbroles.deadline import Deadline
from opsctl.dbroles.errors import (
    ConcurrentChangeError,
    DbRolesError,
    LockHeldError,
    MasterLockedOutError,
    MissingPrivilegeError,
    ServerFailedError,
)
from opsctl.dbroles.model import RDS_IAM, RoleModel
from opsctl.dbroles.planner import plan
from opsctl.dbroles.postgres_errors import explain_statement_failure
from opsctl.dbroles.sql import render

ADVISORY_LOCK = 4_027_114_302_881_776_301
"""The key under which runs on one database wait for each other: any number nobody else uses."""

GUARD_SECONDS = 12.0
"""Kept in reserve before a commit that grants rds_iam, for the check that the master can still log in."""

_EXTENSION_HINT = (
    "Let the server allow it (on RDS: rds.allowed_extensions, shared_preload_libraries), or take it out of "
    "application.database.extensions."
)
_GUARD_PATIENCE = 5.0
_TRIES = 6


@dataclass(frozen=True)
class Outcome:
    """What was changed, and the catalog afterwards."""

    changes: tuple[Change, ...]
    catalog: Catalog


@contextmanager
def explaining(doing: str) -> Iterator[None]:
    """Turn errors of psycopg2 into errors of this package."""
    try:
        yield
    except psycopg2.Error as error:
        raise explain_statement_failure(error, doing) from None


def lock_held(seconds: float) -> LockHeldError:
    """The error for a lock that was waited for in vain."""
    return LockHeldError(
        f"Another session has held the lock of db init for {seconds:.0f} s.",
        hint="Wait for the other run to end, or end its session, then try again.",
    )


def read_snapshot(connection: Connection, model: RoleModel) -> Catalog:
    """Read the catalog in one read-only snapshot; waits for nobody and changes nothing."""
    with explaining("read the catalog"):
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        catalog = read_catalog(connection, model)
        connection.rollback()
    return catalog


def apply_model(connection: Connection, model: RoleModel, deadline: Deadline) -> Outcome:
    """Plan and apply in one transaction; tried again when another database's run changed the same roles meanwhile."""
    connection.set_session(isolation_level=ISOLATION_LEVEL_READ_COMMITTED, readonly=None)
    for attempt in range(1, _TRIES + 1):
        try:
            return _apply_once(connection, model, deadline)
        except ConcurrentChangeError:
            if attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


def guard_master(connection: Connection, outcome: Outcome, opener: MasterOpener, deadline: Deadline) -> None:
    """Prove that the master can still log in; if not, take back this run's rds_iam grants.

    Since PostgreSQL 16 the creator of a role becomes a member of it. A server whose pg_hba counts that membership for
    +rds_iam then asks the master for an IAM token that it can't have. Only `connection`, which is still open, can put
    that right. Grants of earlier runs stay: with them the master has just logged in.
    Raises MasterLockedOutError.
    """
    grants = [one for one in outcome.changes if isinstance(one, GrantRole) and one.role == RDS_IAM]
    if not grants:
        return
    try:
        opener(deadline, patience=_GUARD_PATIENCE).close()
    except DbRolesError as refusal:
        members = ", ".join(grant.member for grant in grants)
        try:
            _run(connection, [RevokeRole(grant.role, grant.member) for grant in grants])
            connection.commit()
        except (DbRolesError, psycopg2.Error):
            raise MasterLockedOutError(
                f"With rds_iam granted to {members} the master can't log in any more, and taking it back failed.",
                hint=f"Run REVOKE rds_iam FROM {members} from another session with that right.",
            ) from refusal
        raise MasterLockedOutError(
            f"With rds_iam granted to {members} the master could not log in any more ({refusal.message.rstrip('.')}); "
            "rds_iam was taken back from them.",
            hint="Let the server's rule for the master stand above its rule for +rds_iam, then run db init again.",
        ) from refusal


def _apply_once(connection: Connection, model: RoleModel, deadline: Deadline) -> Outcome:
    try:
        _limit_and_lock(connection, deadline)
        with explaining("read the catalog"):
            catalog = read_catalog(connection, model)
        changes = plan(model, catalog)
        _run(connection, changes)
        if changes:
            with explaining("read the catalog again"):
                catalog = read_catalog(connection, model)
            _verify(plan(model, catalog))
        grants_iam = any(isinstance(one, GrantRole) and one.role == RDS_IAM for one in changes)
        deadline.check("the commit", need=GUARD_SECONDS if grants_iam else 0.0)
        with explaining("commit"):
            connection.commit()
    finally:
        with suppress(psycopg2.Error):  # on a broken connection the server has rolled back by itself
            connection.rollback()  # after a commit there is nothing to roll back
    return Outcome(changes, catalog)


def _limit_and_lock(connection: Connection, deadline: Deadline) -> None:
    deadline.check("the first statement", need=1.0)
    statement = min(STATEMENT_SECONDS, deadline.remaining())
    lock = min(LOCK_SECONDS, max(0.5, deadline.remaining() - 1))
    with explaining("begin"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
            (f"{statement * 1000:.0f}", f"{lock * 1000:.0f}"),
        )
        if connection.server_version >= 160000:
            # Were it set on the server, the master would become a full member of each login role it creates.
            cursor.execute("SELECT set_config('createrole_self_grant', '', true)")
    try:
        with explaining("get the lock of db init"), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
    except LockHeldError:
        raise lock_held(lock) from None


def _run(connection: Connection, changes: Sequence[Change]) -> None:
    for change in changes:
        try:
            with explaining(change.sentence), connection.cursor() as cursor:
                cursor.execute(render(change))
        except (MissingPrivilegeError, ServerFailedError) as error:
            if isinstance(change, CreateExtension):
                raise type(error)(error.message, hint=_EXTENSION_HINT, code=error.code) from None
            raise


def _verify(left: Sequence[Change]) -> None:
    """PostgreSQL answers some grants it can't make with a mere warning: what isn't there now would never be."""
    if left:
        raise MissingPrivilegeError(
            f"The server accepted the statements, but one had no effect: {left[0].sentence}. Nothing was changed.",
            hint="Grant the master that right WITH ADMIN OPTION or WITH GRANT OPTION, then try again.",
        )
