"""Changes as SQL: what is an identifier, what a literal and what a key word."""

from __future__ import annotations

import pytest
from psycopg2 import sql

from opsctl.dbroles.catalog import ServerFunction
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
from opsctl.dbroles.sql import render

PUT = ServerFunction("lo_put", ("oid", "bytea"), True, frozenset())
NONE = ServerFunction("f", (), True, frozenset())


def text(composed: sql.Composable) -> str:
    """The statement without a connection: identifiers in double quotes, literals in guillemets."""
    if isinstance(composed, sql.Composed):
        return "".join(text(part) for part in composed.seq)
    if isinstance(composed, sql.Identifier):
        return ".".join('"' + part.replace('"', '""') + '"' for part in composed.strings)
    if isinstance(composed, sql.Literal):
        return f"«{composed.wrapped}»"
    assert isinstance(composed, sql.SQL)
    return composed.string


@pytest.mark.parametrize(
    ("change", "statement"),
    [
        (CreateRole("a", login=True), 'CREATE ROLE "a" LOGIN INHERIT CONNECTION LIMIT «-1» PASSWORD NULL'),
        (CreateRole("a", login=False), 'CREATE ROLE "a" NOLOGIN INHERIT CONNECTION LIMIT «-1» PASSWORD NULL'),
        (AlterRole("a", ("NOLOGIN", "NOCREATEDB")), 'ALTER ROLE "a" NOLOGIN NOCREATEDB'),
        (LimitConnections("a", 7), 'ALTER ROLE "a" CONNECTION LIMIT «7»'),
        (GrantRole("a", "b"), 'GRANT "a" TO "b"'),
        (RevokeRole("a", "b"), 'REVOKE "a" FROM "b"'),
        (CloseDatabase("d"), 'REVOKE ALL ON DATABASE "d" FROM PUBLIC'),
        (GrantOnDatabase("d", ("CREATE", "TEMPORARY"), "a"), 'GRANT CREATE, TEMPORARY ON DATABASE "d" TO "a"'),
        (RevokeOnDatabase("d", ("CONNECT",), "a"), 'REVOKE CONNECT ON DATABASE "d" FROM "a"'),
        (
            RevokeOnTable("app", "t", ("INSERT", "UPDATE"), "a"),
            'REVOKE INSERT, UPDATE ON TABLE "app"."t" FROM "a"',
        ),
        (
            CloseFunctions((PUT, NONE)),
            'REVOKE EXECUTE ON FUNCTION "pg_catalog"."lo_put"(oid, bytea), "pg_catalog"."f"() FROM PUBLIC',
        ),
        (GrantFunctions((PUT,), "a"), 'GRANT EXECUTE ON FUNCTION "pg_catalog"."lo_put"(oid, bytea) TO "a"'),
        (GiveSchema("public", "a"), 'ALTER SCHEMA "public" OWNER TO "a"'),
        (AdoptRelations(("t",), "old", "a", "public"), 'ALTER TABLE "public"."t" OWNER TO "a"'),
        (
            AdoptRelations(("t", 'u"'), "old", "a", "app"),
            'ALTER TABLE "public"."t" SET SCHEMA "app"; ALTER TABLE "app"."t" OWNER TO "a"; '
            'ALTER TABLE "public"."u""" SET SCHEMA "app"; ALTER TABLE "app"."u""" OWNER TO "a"',
        ),
        (
            CreateExtension("uuid-ossp", "public"),
            'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" SCHEMA "public" CASCADE',
        ),
        (CreateExtension("pg_cron", None), 'CREATE EXTENSION IF NOT EXISTS "pg_cron" CASCADE'),
        (ResetInDatabase("a", "d", "role"), 'ALTER ROLE "a" IN DATABASE "d" RESET "role"'),
        (GrantConnect("d", "a"), 'GRANT CONNECT ON DATABASE "d" TO "a"'),
        (CloseSchema("public"), 'REVOKE CREATE ON SCHEMA "public" FROM PUBLIC'),
        (CreateSchema("s", "a"), 'CREATE SCHEMA "s" AUTHORIZATION "a"'),
        (GrantOnSchema("s", ("USAGE", "CREATE"), "a"), 'GRANT USAGE, CREATE ON SCHEMA "s" TO "a"'),
        (
            GrantOnRelations("s", "table", ("t", 'u"; --'), ("SELECT",), "a"),
            'GRANT SELECT ON TABLE "s"."t", "s"."u""; --" TO "a"',
        ),
        (GrantOnRelations("s", "sequence", ("q",), ("USAGE",), "a"), 'GRANT USAGE ON SEQUENCE "s"."q" TO "a"'),
        (
            GrantByDefault("o", "tables", ("INSERT", "UPDATE"), "a"),
            'ALTER DEFAULT PRIVILEGES FOR ROLE "o" GRANT INSERT, UPDATE ON TABLES TO "a"',
        ),
        (
            CloseFunctionsByDefault("o"),
            'ALTER DEFAULT PRIVILEGES FOR ROLE "o" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC',
        ),
        (
            SetInDatabase("a", "d", "search_path", ("app", "pg_temp")),
            'ALTER ROLE "a" IN DATABASE "d" SET "search_path" = "app", "pg_temp"',
        ),
        (
            SetInDatabase("a", "d", "lock_timeout", ("5s",)),
            'ALTER ROLE "a" IN DATABASE "d" SET "lock_timeout" = «5s»',
        ),
    ],
)
def test_it_renders_each_change(change: Change, statement: str) -> None:
    assert text(render(change)) == statement
    assert change.sentence
    assert "\n" not in change.sentence


def test_it_lets_no_unknown_key_word_through() -> None:
    with pytest.raises(ValueError, match="not a key word"):
        render(GrantOnSchema("s", ("USAGE; DROP TABLE x",), "a"))
