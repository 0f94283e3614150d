"""What is reported and left alone, by value."""

from __future__ import annotations

from dataclasses import replace

from opsctl.dbroles.catalog import PUBLIC, Membership, Relation, Role, Schema
from opsctl.dbroles.drift import find_drift
from opsctl.dbroles.report import build_status
from tests.unit.dbroles.catalogs import MODEL, TABLE_ACL, empty_catalog, finished_catalog


def test_it_finds_nothing_in_a_new_or_a_finished_database() -> None:
    assert find_drift(MODEL, empty_catalog(), "iam") == ()
    assert find_drift(MODEL, finished_catalog(), "iam") == ()


def test_it_says_that_nobody_can_log_in_with_a_token_without_rds_iam() -> None:
    catalog = replace(finished_catalog(), roles={"master": Role("master")})
    assert find_drift(MODEL, catalog, "trust") == ()
    assert find_drift(MODEL, catalog, "iam")[0].startswith("The server has no role rds_iam")


def test_it_reports_memberships_of_others_and_the_right_to_pass_one_on() -> None:
    catalog = finished_catalog()
    extra = {
        Membership("app_owner", "guest"),
        Membership("app_user", "master"),
        Membership("pg_monitor", "app_readonly"),
    }
    kept = frozenset(one for one in catalog.memberships if (one.role, one.member) != ("app_reader", "app_user"))
    passing = Membership("app_reader", "app_user", admin=True)
    assert find_drift(MODEL, replace(catalog, memberships=kept | extra | {passing}), "iam") == (
        "guest is a member of app_owner; opsctl did not grant that.",
        "app_user may pass on its membership in app_reader; opsctl did not grant that.",
        "master is a member of app_user; opsctl did not grant that.",
        "app_readonly is a member of pg_monitor; opsctl did not grant that.",
    )


def test_it_reports_grants_on_database_schemas_and_relations() -> None:
    catalog = finished_catalog()
    app = Schema("app", "app_owner", frozenset({("app_reader", "USAGE"), ("app_user", "CREATE"), (PUBLIC, "USAGE")}))
    catalog = replace(
        catalog,
        database_acl=catalog.database_acl | {("app_user", "TEMPORARY"), ("guest", "CONNECT")},
        schemas={**catalog.schemas, "app": app},
        relations=(
            Relation("app", "a", "table", "app_owner", frozenset({*TABLE_ACL, (PUBLIC, "SELECT")})),
            Relation("app", "b", "sequence", "app_owner", frozenset({("guest", "USAGE"), ("guest", "SELECT")})),
            Relation("app", "c", "table", "master"),
            Relation("stage", "d", "table", "app_loader", frozenset({("app_loader", "SELECT")})),
        ),
    )
    assert find_drift(MODEL, catalog, "iam") == (
        "app_user has TEMPORARY on database appdb; opsctl did not grant that.",
        "guest has CONNECT on database appdb; opsctl did not grant that.",
        "PUBLIC has USAGE on schema app; opsctl did not grant that.",
        "app_user has CREATE on schema app; opsctl did not grant that.",
        "PUBLIC has SELECT on table app.a; opsctl did not grant that.",
        "guest has SELECT, USAGE on sequence app.b; opsctl did not grant that.",
        "The table app.c belongs to master, not to app_owner.",
    )


def test_it_reports_default_privileges_and_settings() -> None:
    catalog = finished_catalog()
    tables = catalog.default_acl["tables"] | {("guest", "SELECT")}
    catalog = replace(
        catalog,
        default_acl={**catalog.default_acl, "tables": tables},
        narrow_default_acl=frozenset({"app"}),
        settings={**catalog.settings, "app_owner": {"work_mem": "1MB"}},
    )
    assert find_drift(MODEL, catalog, "iam") == (
        "guest gets SELECT on future tables of app_owner; opsctl did not grant that.",
        "app_owner has default privileges of its own in schema app; opsctl did not set them.",
        "app_owner has work_mem = 1MB in database appdb; opsctl did not set that.",
    )


def test_the_status_shows_roles_as_they_are() -> None:
    status = build_status(MODEL, finished_catalog(), "iam", ())
    migrator = status.roles[1]
    assert (migrator.key, migrator.exists, migrator.login, migrator.rds_iam) == ("migrator", True, True, True)
    assert migrator.member_of == ("app_owner", "rds_iam")
    assert migrator.settings == ("lock_timeout = 5s", "role = app_owner", "search_path = app, pg_temp")
    assert status.server_version == "16.4"
    assert status.to_dict()["schema_owners"] == {"app": "app_owner", "stage": "app_owner"}
    nothing = build_status(MODEL, empty_catalog(), "iam", ("create role app_owner",))
    assert [role.exists for role in nothing.roles] == [False] * 7
    assert nothing.drifted
