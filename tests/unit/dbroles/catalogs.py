"""Catalogs by value for the planner's tests."""

from __future__ import annotations

from opsctl.dbroles.catalog import PUBLIC, Catalog, Membership, Role, Schema
from opsctl.dbroles.model import RoleModel

MODEL = RoleModel()
TABLE_ACL = {("app_reader", "SELECT"), *(("app_writer", one) for one in ("INSERT", "UPDATE", "DELETE"))}
SEQUENCE_ACL = {("app_writer", "USAGE"), ("app_writer", "SELECT")}
OWNER_ALL = ("app_owner", "ALL")


def empty_catalog() -> Catalog:
    """A new database of a master as RDS makes it."""
    return Catalog(
        server_version=160004,
        database="appdb",
        current_user="master",
        may_create_roles=True,
        owns_database=True,
        database_owner="master",
        database_acl=frozenset({(PUBLIC, "CONNECT"), (PUBLIC, "TEMPORARY"), ("master", "CONNECT")}),
        roles={"master": Role("master", login=True, createrole=True), "rds_iam": Role("rds_iam")},
        schemas={"public": Schema("public", "pg_database_owner", frozenset({(PUBLIC, "USAGE")}))},
    )


def finished_catalog() -> Catalog:
    """The same database when nothing is left to do."""
    roles = [
        Role("master", login=True, createrole=True),
        Role("rds_iam"),
        *(Role(name) for name in ("app_owner", "app_writer", "app_reader")),
        *(Role(name, login=True) for name in ("app_migrator", "app_loader")),
        *(Role(name, login=True, connection_limit=40) for name in ("app_user", "app_readonly")),
    ]
    pairs = [("app_owner", "master"), *MODEL.memberships, *(("rds_iam", name) for name in MODEL.login_roles)]
    own = [Membership(name, "master", True, inherit=False, set_role=False) for name in MODEL.names[1:]]
    return Catalog(
        server_version=160004,
        database="appdb",
        current_user="master",
        may_create_roles=True,
        owns_database=True,
        database_owner="master",
        database_acl=frozenset({("master", "CONNECT"), *((name, "CONNECT") for name in MODEL.login_roles)}),
        roles={role.name: role for role in roles},
        memberships=frozenset([*(Membership(role, member) for role, member in pairs), *own]),
        schemas={
            "app": Schema("app", "app_owner", frozenset({("app_owner", "CREATE"), ("app_reader", "USAGE")})),
            "stage": Schema("stage", "app_owner", frozenset({("app_loader", "USAGE"), ("app_loader", "CREATE")})),
        },
        default_acl={
            "tables": frozenset({*TABLE_ACL, OWNER_ALL}),
            "sequences": frozenset({*SEQUENCE_ACL, OWNER_ALL}),
            "functions": frozenset({("app_owner", "EXECUTE")}),
        },
        settings={
            name: {key: ", ".join(value) for key, value in MODEL.settings(name).items()} for name in MODEL.login_roles
        },
    )
