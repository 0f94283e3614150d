"""Changes as SQL. Names go through psycopg2.sql.Identifier and values through Literal; nothing is formatted by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from psycopg2 import sql

from opsctl.dbroles.catalog import DefaultKind, RelationKind, ServerFunction
from opsctl.dbroles.changes import (
    AdoptRelations,
    AlterRole,
    Change,
    CloseDatabase,
    CloseFunctions,
    CloseFunctionsByDefault,
    CloseSchema,
    CreateExtension,
    CreateRole,
    CreateSchema,
    GiveSchema,
    GrantByDefault,
    GrantConnect,
    GrantFunctions,
    GrantOnDatabase,
    GrantOnRelations,
    GrantOnSchema,
    GrantRole,
    LimitConnections,
    ResetInDatabase,
    RevokeOnDatabase,
    RevokeOnTable,
    RevokeRole,
    SetInDatabase,
)
from opsctl.dbroles.model import PUBLIC_SCHEMA

_ATTRIBUTES = ("LOGIN", "NOLOGIN", "INHERIT", "NOCREATEDB", "NOCREATEROLE")
_PRIVILEGES = ("USAGE", "CREATE", "SELECT", "INSERT", "UPDATE", "DELETE", "CONNECT", "TEMPORARY")
_TYPES = ("oid", "integer", "bigint", "bytea", "text", "boolean")  # of arguments of the server's functions
_KEYWORDS = frozenset({*_ATTRIBUTES, *_PRIVILEGES, *_TYPES})
_RELATION_WORD: dict[RelationKind, str] = {"table": "TABLE", "sequence": "SEQUENCE"}
_DEFAULT_WORD: dict[DefaultKind, str] = {"tables": "TABLES", "sequences": "SEQUENCES", "functions": "FUNCTIONS"}
_LIST_SETTINGS = frozenset({"search_path"})


def render(change: Change) -> sql.Composed:
    """One SQL statement for one change."""
    match change:
        case CreateRole() | AlterRole() | LimitConnections():
            return _render_role(change)
        case GrantRole(role, member):
            return sql.SQL("GRANT {} TO {}").format(_name(role), _name(member))
        case RevokeRole(role, member):
            return sql.SQL("REVOKE {} FROM {}").format(_name(role), _name(member))
        case CloseDatabase() | GrantConnect() | GrantOnDatabase() | RevokeOnDatabase():
            return _render_database(change)
        case CloseSchema() | CreateSchema() | GiveSchema() | GrantOnSchema() | AdoptRelations():
            return _render_schema(change)
        case CreateExtension(name, schema):
            place = sql.SQL(" SCHEMA {}").format(_name(schema)) if schema else sql.SQL("")
            return sql.SQL("CREATE EXTENSION IF NOT EXISTS {}{} CASCADE").format(_name(name), place)
        case CloseFunctions(functions):
            return sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(_functions(functions))
        case GrantFunctions(functions, role):
            return sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(_functions(functions), _name(role))
        case GrantOnRelations() | RevokeOnTable() | GrantByDefault() | CloseFunctionsByDefault():
            return _render_grant(change)
        case SetInDatabase():
            return _render_setting(change)
        case ResetInDatabase(role, database, setting):
            return sql.SQL("ALTER ROLE {} IN DATABASE {} RESET {}").format(_name(role), _name(database), _name(setting))
        case _:
            assert_never(change)


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(name)


def _functions(functions: Sequence[ServerFunction]) -> sql.Composed:
    return sql.SQL(", ").join(
        [sql.SQL("{}({})").format(sql.Identifier("pg_catalog", one.name), _words(one.arguments)) for one in functions]
    )


def _words(words: Sequence[str], separator: str = ", ") -> sql.Composed:
    """Key words of SQL, which can't be quoted; only known ones get through."""
    unknown = [word for word in words if word not in _KEYWORDS]
    if unknown:
        raise ValueError(f"not a key word of this package: {unknown[0]!r}")
    return sql.SQL(separator).join([sql.SQL(word) for word in words])


def _render_role(change: CreateRole | AlterRole | LimitConnections) -> sql.Composed:
    match change:
        case CreateRole(name, login, limit):
            # PASSWORD NULL: nobody can log in with a password, whatever pg_hba says.
            return sql.SQL("CREATE ROLE {} {} INHERIT CONNECTION LIMIT {} PASSWORD NULL").format(
                _name(name), _words(["LOGIN" if login else "NOLOGIN"]), sql.Literal(limit)
            )
        case AlterRole(name, options):
            return sql.SQL("ALTER ROLE {} {}").format(_name(name), _words(options, " "))
        case LimitConnections(name, limit):
            return sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(_name(name), sql.Literal(limit))
        case _:
            assert_never(change)


def _render_database(change: CloseDatabase | GrantConnect | GrantOnDatabase | RevokeOnDatabase) -> sql.Composed:
    match change:
        case CloseDatabase(database):
            return sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(_name(database))
        case GrantConnect(database, role):
            return sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(_name(database), _name(role))
        case GrantOnDatabase(database, privileges, role):
            return sql.SQL("GRANT {} ON DATABASE {} TO {}").format(_words(privileges), _name(database), _name(role))
        case RevokeOnDatabase(database, privileges, role):
            return sql.SQL("REVOKE {} ON DATABASE {} FROM {}").format(_words(privileges), _name(database), _name(role))
        case _:
            assert_never(change)


def _render_schema(
    change: CloseSchema | CreateSchema | GiveSchema | GrantOnSchema | AdoptRelations,
) -> sql.Composed:
    match change:
        case AdoptRelations():
            return _render_adoption(change)
        case CloseSchema(schema):
            return sql.SQL("REVOKE CREATE ON SCHEMA {} FROM PUBLIC").format(_name(schema))
        case CreateSchema(schema, owner):
            return sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(_name(schema), _name(owner))
        case GiveSchema(schema, owner):
            return sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(_name(schema), _name(owner))
        case GrantOnSchema(schema, privileges, role):
            return sql.SQL("GRANT {} ON SCHEMA {} TO {}").format(_words(privileges), _name(schema), _name(role))
        case _:
            assert_never(change)


def _render_adoption(change: AdoptRelations) -> sql.Composed:
    """ALTER TABLE takes sequences and views as well. The schema first: who gives an object away must let its new owner
    create in the schema that it is in then. [PostgreSQL, ALTER TABLE]
    """
    statements: list[sql.Composable] = []
    for name in change.names:
        if change.home != PUBLIC_SCHEMA:
            statements.append(
                sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(sql.Identifier(PUBLIC_SCHEMA, name), _name(change.home))
            )
        statements.append(
            sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(change.home, name), _name(change.owner))
        )
    return sql.SQL("; ").join(statements)


def _render_grant(
    change: GrantOnRelations | RevokeOnTable | GrantByDefault | CloseFunctionsByDefault,
) -> sql.Composed:
    match change:
        case GrantOnRelations(schema, kind, names, privileges, role):
            relations = sql.SQL(", ").join([sql.Identifier(schema, name) for name in names])
            return sql.SQL("GRANT {} ON {} {} TO {}").format(
                _words(privileges), sql.SQL(_RELATION_WORD[kind]), relations, _name(role)
            )
        case RevokeOnTable(schema, table, privileges, role):
            return sql.SQL("REVOKE {} ON TABLE {} FROM {}").format(
                _words(privileges), sql.Identifier(schema, table), _name(role)
            )
        case GrantByDefault(owner, default_kind, privileges, role):
            return sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT {} ON {} TO {}").format(
                _name(owner), _words(privileges), sql.SQL(_DEFAULT_WORD[default_kind]), _name(role)
            )
        case CloseFunctionsByDefault(owner):
            return sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC").format(
                _name(owner)
            )
        case _:
            assert_never(change)


def _render_setting(change: SetInDatabase) -> sql.Composed:
    # NOTE: a list setting takes names side by side; one quoted string would be a single schema called "app, pg_temp".
    items: list[sql.Composable] = (
        [_name(item) for item in change.value]
        if change.setting in _LIST_SETTINGS
        else [sql.Literal(item) for item in change.value]
    )
    return sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
        _name(change.role), _name(change.database), _name(change.setting), sql.SQL(", ").join(items)
    )
