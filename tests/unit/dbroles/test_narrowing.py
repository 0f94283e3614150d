"""What is taken from everybody where the master may, and told where it may not, by value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsctl.dbroles.catalog import PUBLIC, Catalog, Neighbour, Relation, ServerFunction
from opsctl.dbroles.changes import (
    CloseDatabase,
    CloseFunctions,
    GrantFunctions,
    GrantOnRelations,
    ResetInDatabase,
    RevokeOnTable,
    SetInDatabase,
)
from opsctl.dbroles.drift import find_drift
from opsctl.dbroles.left_open import find_left_open
from opsctl.dbroles.planner import plan
from tests.unit.dbroles.catalogs import MODEL, TABLE_ACL, finished_catalog


def function(*grantees: str, owned: bool) -> ServerFunction:
    return ServerFunction("lo_create", ("oid",), owned, frozenset(grantees))


def server(**more: object) -> Catalog:
    return replace(finished_catalog(), **more)  # type: ignore[arg-type]


def test_it_closes_the_databases_that_came_with_the_server_and_tells_of_others() -> None:
    mine = (Neighbour("postgres", owned=True), Neighbour("template1", owned=True), Neighbour("shop", owned=True))
    catalog = server(neighbours=mine, limits_temp_files=True)
    assert plan(MODEL, catalog)[:2] == (CloseDatabase("postgres"), CloseDatabase("template1"))
    assert [one.split(" and ")[0] for one in find_left_open(MODEL, catalog)] == [
        "Every login may connect to database shop"
    ]


def test_it_tells_of_a_database_that_it_may_not_close() -> None:
    catalog = server(neighbours=(Neighbour("postgres", owned=False),))
    assert CloseDatabase("postgres") not in plan(MODEL, catalog)
    assert "REVOKE ALL ON DATABASE postgres FROM PUBLIC" in find_left_open(MODEL, catalog)[0]


def test_it_leaves_functions_that_write_without_a_table_to_the_owner_alone() -> None:
    opened = function(PUBLIC, "postgres", owned=True)
    assert plan(MODEL, server(functions=(opened,)))[:2] == (
        CloseFunctions((opened,)),
        GrantFunctions((opened,), "app_owner"),
    )
    closed = server(functions=(function("postgres", "app_owner", owned=True),))
    assert not [one for one in plan(MODEL, closed) if isinstance(one, (CloseFunctions, GrantFunctions))]


def test_it_tells_of_functions_that_only_a_superuser_can_revoke() -> None:
    catalog = server(functions=(function(PUBLIC, "rdsadmin", owned=False),), limits_temp_files=True)
    assert plan(MODEL, catalog) == plan(MODEL, server(limits_temp_files=True))
    assert find_left_open(MODEL, catalog) == (
        "Every login may fill the disk by lo_create; the server lets only a superuser revoke them.",
    )
    assert find_left_open(MODEL, server(functions=(function("rdsadmin", owned=False),), limits_temp_files=True)) == ()


def test_no_load_may_write_which_migrations_ran() -> None:
    table = Relation("app", "django_migrations", "table", "app_owner", frozenset(TABLE_ACL))
    catalog = server(relations=(table,))
    assert plan(MODEL, catalog) == (
        RevokeOnTable("app", "django_migrations", ("INSERT", "UPDATE", "DELETE"), "app_writer"),
    )
    assert find_drift(MODEL, catalog, "iam") == ()
    reading = replace(table, acl=frozenset({("app_reader", "SELECT")}))
    assert plan(MODEL, server(relations=(reading,))) == ()
    assert plan(MODEL, server(relations=(replace(table, acl=frozenset()),))) == (
        GrantOnRelations("app", "table", ("django_migrations",), ("SELECT",), "app_reader"),
    )


@pytest.mark.parametrize("change", [{"schema": "stage"}, {"name": "django_migrations_old"}, {"owner": "other"}])
def test_other_tables_keep_what_a_load_needs(change: dict[str, str]) -> None:
    table = Relation("app", "django_migrations", "table", "app_owner", frozenset(TABLE_ACL))
    assert plan(MODEL, server(relations=(replace(table, **change),))) == ()  # type: ignore[arg-type]


def test_it_limits_temporary_files_where_it_may() -> None:
    limits = tuple(SetInDatabase(role, "appdb", "temp_file_limit", ("256MB",)) for role in (MODEL.user, MODEL.readonly))
    assert plan(MODEL, server(limits_temp_files=True)) == limits
    assert find_left_open(MODEL, server()) == (
        "Queries of app_user, app_readonly may write temporary files until the disk is full; master may not set "
        "temp_file_limit, the server's configuration can.",
    )
    assert find_left_open(MODEL, server(temp_files_limited=True)) == ()


def test_an_owners_login_has_no_such_limit_and_loses_one_that_it_had() -> None:
    model = replace(MODEL, owner_login=True)
    settings = {**finished_catalog().settings, MODEL.user: {"temp_file_limit": "256MB"}}
    catalog = server(limits_temp_files=True, settings=settings)
    assert ResetInDatabase(MODEL.user, "appdb", "temp_file_limit") in plan(model, catalog)
    assert find_left_open(model, server()) == ()


def test_it_reports_what_a_role_set_for_itself() -> None:
    catalog = server(settings_everywhere={MODEL.user: {"work_mem": "1GB"}})
    assert plan(MODEL, catalog) == ()
    assert find_drift(MODEL, catalog, "iam") == (
        "app_user has work_mem = 1GB in every database; opsctl did not set that.",
    )
