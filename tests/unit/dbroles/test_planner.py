"""The planner by value: a catalog and a model in, changes out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsctl.dbroles.catalog import PUBLIC, Membership, Relation, Role, Schema
from opsctl.dbroles.changes import (
    AlterRole,
    Change,
    CloseDatabase,
    CloseFunctionsByDefault,
    CloseSchema,
    CreateRole,
    CreateSchema,
    GrantByDefault,
    GrantConnect,
    GrantOnRelations,
    GrantOnSchema,
    GrantRole,
    LimitConnections,
    RevokeRole,
    SetInDatabase,
)
from opsctl.dbroles.errors import ConflictError, MissingPrivilegeError
from opsctl.dbroles.model import RoleModel
from opsctl.dbroles.planner import plan
from tests.unit.dbroles.catalogs import MODEL, TABLE_ACL, empty_catalog, finished_catalog

SEARCH_PATH = ("app", "pg_temp")
EVERYTHING: tuple[Change, ...] = (
    CreateRole("app_owner", login=False),
    CreateRole("app_migrator", login=True),
    CreateRole("app_writer", login=False),
    CreateRole("app_reader", login=False),
    CreateRole("app_loader", login=True),
    CreateRole("app_user", login=True, connection_limit=40),
    CreateRole("app_readonly", login=True, connection_limit=40),
    GrantRole("app_owner", "master"),
    GrantRole("app_owner", "app_migrator"),
    GrantRole("app_reader", "app_writer"),
    GrantRole("app_writer", "app_loader"),
    GrantRole("app_reader", "app_user"),
    GrantRole("app_reader", "app_readonly"),
    GrantRole("rds_iam", "app_migrator"),
    GrantRole("rds_iam", "app_loader"),
    GrantRole("rds_iam", "app_user"),
    GrantRole("rds_iam", "app_readonly"),
    CloseDatabase("appdb"),
    GrantConnect("appdb", "app_migrator"),
    GrantConnect("appdb", "app_loader"),
    GrantConnect("appdb", "app_user"),
    GrantConnect("appdb", "app_readonly"),
    CreateSchema("app", "app_owner"),
    CreateSchema("stage", "app_owner"),
    GrantOnSchema("app", ("USAGE",), "app_reader"),
    GrantOnSchema("stage", ("USAGE", "CREATE"), "app_loader"),
    GrantByDefault("app_owner", "tables", ("SELECT",), "app_reader"),
    GrantByDefault("app_owner", "tables", ("INSERT", "UPDATE", "DELETE"), "app_writer"),
    GrantByDefault("app_owner", "sequences", ("USAGE", "SELECT"), "app_writer"),
    CloseFunctionsByDefault("app_owner"),
    SetInDatabase("app_migrator", "appdb", "search_path", SEARCH_PATH),
    SetInDatabase("app_migrator", "appdb", "role", ("app_owner",)),
    SetInDatabase("app_migrator", "appdb", "lock_timeout", ("5s",)),
    SetInDatabase("app_loader", "appdb", "search_path", SEARCH_PATH),
    SetInDatabase("app_user", "appdb", "search_path", SEARCH_PATH),
    SetInDatabase("app_user", "appdb", "statement_timeout", ("5s",)),
    SetInDatabase("app_user", "appdb", "idle_in_transaction_session_timeout", ("15s",)),
    SetInDatabase("app_readonly", "appdb", "search_path", SEARCH_PATH),
    SetInDatabase("app_readonly", "appdb", "statement_timeout", ("5s",)),
    SetInDatabase("app_readonly", "appdb", "idle_in_transaction_session_timeout", ("15s",)),
)


def test_it_plans_everything_in_order_for_a_new_database() -> None:
    assert plan(MODEL, empty_catalog()) == EVERYTHING


def test_it_plans_nothing_for_a_finished_database() -> None:
    assert plan(MODEL, finished_catalog()) == ()


def test_it_plans_nothing_for_a_finished_database_that_it_could_not_change() -> None:
    assert plan(MODEL, replace(finished_catalog(), may_create_roles=False, owns_database=False)) == ()


def test_it_grants_no_rds_iam_where_there_is_none() -> None:
    catalog = replace(empty_catalog(), roles={"master": Role("master")})
    assert plan(MODEL, catalog) == tuple(
        one for one in EVERYTHING if not (isinstance(one, GrantRole) and one.role == "rds_iam")
    )


def test_it_adds_the_writer_to_the_user_that_writes() -> None:
    assert plan(RoleModel(user_writer=True), finished_catalog()) == (GrantRole("app_writer", "app_user"),)


def test_it_takes_the_writer_from_a_user_that_writes_no_longer() -> None:
    catalog = finished_catalog()
    catalog = replace(catalog, memberships=catalog.memberships | {Membership("app_writer", "app_user")})
    assert plan(MODEL, catalog) == (RevokeRole("app_writer", "app_user"),)


def test_it_leaves_other_memberships_alone() -> None:
    catalog = finished_catalog()
    catalog = replace(catalog, memberships=catalog.memberships | {Membership("app_owner", "guest")})
    assert plan(MODEL, catalog) == ()


def test_it_does_not_take_admin_alone_for_a_membership() -> None:
    """What PostgreSQL 16 gives the creator lets it neither use the role nor become it."""
    catalog = finished_catalog()
    others = frozenset(one for one in catalog.memberships if (one.role, one.member) != ("app_owner", "master"))
    admin = Membership("app_owner", "master", admin=True, inherit=False, set_role=False)
    assert plan(MODEL, replace(catalog, memberships=others | {admin})) == (GrantRole("app_owner", "master"),)


def test_it_brings_attributes_in_line() -> None:
    catalog = finished_catalog()
    roles = {
        **catalog.roles,
        "app_owner": Role("app_owner", login=True, createdb=True),
        "app_user": Role("app_user", login=False, inherit=False, createrole=True, connection_limit=-1),
        "app_loader": Role("app_loader", login=True, connection_limit=3),
    }
    assert plan(MODEL, replace(catalog, roles=roles)) == (
        AlterRole("app_owner", ("NOLOGIN", "NOCREATEDB")),
        LimitConnections("app_loader", -1),
        AlterRole("app_user", ("LOGIN", "INHERIT", "NOCREATEROLE")),
        LimitConnections("app_user", 40),
    )


def test_it_closes_a_public_schema_that_everyone_may_write() -> None:
    catalog = finished_catalog()
    public = Schema("public", "master", frozenset({(PUBLIC, "CREATE"), (PUBLIC, "USAGE")}))
    assert plan(MODEL, replace(catalog, schemas={**catalog.schemas, "public": public})) == (CloseSchema("public"),)


def test_it_gathers_equal_grants_on_what_exists_and_skips_what_belongs_to_others() -> None:
    relations = (
        Relation("app", "a", "table", "app_owner"),
        Relation("app", "a_id_seq", "sequence", "app_owner", frozenset({("app_writer", "USAGE")})),
        Relation("app", "b", "table", "app_owner", frozenset({("app_reader", "SELECT")})),
        Relation("app", "c", "table", "app_owner", frozenset(TABLE_ACL)),
        Relation("app", "d", "table", "somebody"),
        Relation("stage", "e", "table", "app_owner", frozenset(TABLE_ACL - {("app_writer", "DELETE")})),
    )
    assert plan(MODEL, replace(finished_catalog(), relations=relations)) == (
        GrantOnRelations("app", "table", ("a",), ("SELECT",), "app_reader"),
        GrantOnRelations("app", "table", ("a", "b"), ("INSERT", "UPDATE", "DELETE"), "app_writer"),
        GrantOnRelations("stage", "table", ("e",), ("DELETE",), "app_writer"),
        GrantOnRelations("app", "sequence", ("a_id_seq",), ("SELECT",), "app_writer"),
    )


def test_it_grants_only_what_is_missing_on_a_schema() -> None:
    catalog = finished_catalog()
    stage = Schema("stage", "app_owner", frozenset({("app_loader", "USAGE")}))
    assert plan(MODEL, replace(catalog, schemas={**catalog.schemas, "stage": stage})) == (
        GrantOnSchema("stage", ("CREATE",), "app_loader"),
    )


def test_it_corrects_a_setting_and_leaves_additional_ones() -> None:
    catalog = finished_catalog()
    user = {**catalog.settings["app_user"], "statement_timeout": "1h", "work_mem": "1MB"}
    assert plan(MODEL, replace(catalog, settings={**catalog.settings, "app_user": user})) == (
        SetInDatabase("app_user", "appdb", "statement_timeout", ("5s",)),
    )


@pytest.mark.parametrize(
    "role",
    [
        Role("app_user", superuser=True),
        Role("app_user", replication=True),
        Role("app_user", bypassrls=True),
    ],
)
def test_it_does_not_adopt_a_powerful_role(role: Role) -> None:
    with pytest.raises(ConflictError, match="app_user"):
        plan(MODEL, replace(empty_catalog(), roles={"app_user": role}))


def test_it_does_not_work_as_a_role_of_the_model() -> None:
    with pytest.raises(ConflictError, match="also a role of the model"):
        plan(MODEL, replace(finished_catalog(), current_user="app_migrator"))


def test_it_does_not_take_over_a_schema() -> None:
    catalog = replace(empty_catalog(), schemas={"stage": Schema("stage", "master")})
    with pytest.raises(ConflictError, match="stage exists and belongs to master") as caught:
        plan(MODEL, catalog)
    assert "ALTER SCHEMA stage OWNER TO app_owner" in caught.value.hint


def test_it_needs_createrole_and_the_database() -> None:
    with pytest.raises(MissingPrivilegeError, match="CREATEROLE"):
        plan(MODEL, replace(empty_catalog(), may_create_roles=False))
    with pytest.raises(MissingPrivilegeError, match="own the database"):
        plan(MODEL, replace(empty_catalog(), owns_database=False, database_owner="somebody"))


def test_it_never_grants_a_login_role_or_rds_iam_to_the_master() -> None:
    grants = [one for one in plan(RoleModel(user_writer=True), empty_catalog()) if isinstance(one, GrantRole)]
    assert [one.role for one in grants if one.member == "master"] == ["app_owner"]
    assert "app_owner" not in [one.member for one in grants]
