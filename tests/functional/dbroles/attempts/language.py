"""What an attempt is: who tries what, who may, and what forbids it to the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["user", "readonly", "loader", "migrator", "login"]
Mend = Literal[
    "PostgreSQL",
    "grants",
    "ownership",
    "database",
    "public",
    "neighbours",
    "migrations",
    "functions",
    "server functions",
    "temp_file_limit",
    "membership",
    "CREATEROLE",
    "CREATEDB",
]

SEVEN: tuple[Role, ...] = ("user", "readonly", "loader", "migrator")
LOGIN: tuple[Role, ...] = ("login",)
EVERYBODY: tuple[Role, ...] = (*SEVEN, *LOGIN)


@dataclass(frozen=True)
class Forbidden:
    """What forbids an attempt, and the statements of a superuser that take it away again.

    The next `db init` puts it back; `redo` does where that run only reports what somebody granted, or where something
    was made meanwhile. `by_superuser`: only a master that owns PostgreSQL's functions, or may set its parameters, can
    forbid it; on RDS it can't.
    """

    words: str
    undo: tuple[str, ...] = ()
    redo: tuple[str, ...] = ()
    by_superuser: bool = False


@dataclass(frozen=True)
class Attempt:
    """One thing that is tried, as SQL. `alone`: it can't be part of a transaction. `tried` leaves a role out.

    Names in braces are roles of the model, {me}, {database}, {master} and {schema}, where the application's tables are.
    """

    what: str
    statements: tuple[str, ...]
    may: tuple[Role, ...] = ()
    mend: Mend = "PostgreSQL"
    database: str = ""
    alone: bool = False
    tried: tuple[Role, ...] = EVERYBODY

    def refused(self) -> tuple[Role, ...]:
        return tuple(role for role in self.tried if role not in self.may)


@dataclass(frozen=True)
class Open:
    """What PostgreSQL lets every login do, whoever forbids it, and what limits the harm."""

    what: str
    statements: tuple[str, ...]
    limit: str


MENDS: Mapping[Mend, Forbidden] = {
    "PostgreSQL": Forbidden("PostgreSQL, to everybody who is no superuser"),
    "grants": Forbidden(
        "no grant",
        ("GRANT ALL ON ALL TABLES IN SCHEMA app TO {me}", "GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO {me}",
         "GRANT ALL ON SCHEMA app, stage TO {me}", "GRANT SELECT ON ALL TABLES IN SCHEMA stage TO {me}"),
        ("REVOKE ALL ON ALL TABLES IN SCHEMA app, stage FROM {me}", "REVOKE ALL ON SCHEMA app, stage FROM {me}",
         "REVOKE ALL ON ALL SEQUENCES IN SCHEMA app FROM {me}"),
    ),
    "ownership": Forbidden("it belongs to `app_owner`", ("GRANT {owner} TO {me}",), ("REVOKE {owner} FROM {me}",)),
    "database": Forbidden(
        "revoked from PUBLIC on the database",
        ("GRANT CREATE, TEMPORARY ON DATABASE {database} TO PUBLIC",),
    ),
    "public": Forbidden(
        "revoked from PUBLIC on the schema", ("GRANT CREATE ON SCHEMA public TO PUBLIC",),
    ),
    "neighbours": Forbidden(
        "revoked from PUBLIC on the server's databases",
        ("GRANT CONNECT, TEMPORARY ON DATABASE postgres, template1 TO PUBLIC",),
    ),
    "migrations": Forbidden(
        "revoked from `app_writer` on that table",
        ("GRANT INSERT, UPDATE, DELETE ON app.django_migrations TO {writer}",),
    ),
    "functions": Forbidden(
        "revoked from PUBLIC by default",
        ("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT EXECUTE ON FUNCTIONS TO PUBLIC", "SET ROLE {owner}",
         "DROP FUNCTION app.answer()", "CREATE FUNCTION app.answer() RETURNS int LANGUAGE sql AS 'SELECT 42'"),
        ("REVOKE EXECUTE ON FUNCTION app.answer() FROM PUBLIC",),
    ),
    "server functions": Forbidden(
        "revoked from PUBLIC where the master may; **not on RDS**",
        ("GRANT EXECUTE ON FUNCTION pg_catalog.lo_create(oid), pg_catalog.lo_creat(int), "
         "pg_catalog.lo_from_bytea(oid, bytea), pg_catalog.lo_put(oid, bigint, bytea) TO PUBLIC",
         "DO $$ DECLARE one regprocedure; BEGIN FOR one IN SELECT oid FROM pg_proc "
         "WHERE proname = 'pg_logical_emit_message' "
         "LOOP EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', one); END LOOP; END $$"),
        by_superuser=True,
    ),
    "temp_file_limit": Forbidden(
        "`temp_file_limit`, where the master may set it, or the server's configuration",
        ("ALTER ROLE {me} IN DATABASE {database} RESET temp_file_limit",),
        by_superuser=True,
    ),
    "membership": Forbidden(
        "no membership",
        ("GRANT {owner}, {writer} TO {me} WITH ADMIN OPTION",),
        ("REVOKE {owner}, {writer} FROM {me}",),
    ),
    "CREATEROLE": Forbidden("no CREATEROLE", ("ALTER ROLE {me} CREATEROLE",)),
    "CREATEDB": Forbidden("no CREATEDB", ("ALTER ROLE {me} CREATEDB",)),
}  # fmt: skip
