"""The planner for an owner's login, by value; the switch between the two kinds of model; extensions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsctl.dbroles.catalog import PUBLIC, Catalog, Extension, Membership, Role, Schema
from opsctl.dbroles.changes import (
    Change,
    CloseDatabase,
    CreateExtension,
    CreateRole,
    CreateSchema,
    GiveSchema,
    GrantConnect,
    GrantOnDatabase,
    GrantRole,
    LimitConnections,
    ResetInDatabase,
    RevokeOnDatabase,
    RevokeRole,
    SetInDatabase,
)
from opsctl.dbroles.drift import find_drift
from opsctl.dbroles.errors import BadModelError, FaultyServerError, UnavailableExtensionError
from opsctl.dbroles.model import RoleModel
from opsctl.dbroles.planner import plan
from tests.unit.dbroles.catalogs import MODEL, empty_catalog, finished_catalog

OWNER = RoleModel(owner_login=True)
PASSWORDS = OWNER.for_auth("password")


def owned_catalog(model: RoleModel = OWNER) -> Catalog:
    """A database that is as `model` says."""
    pairs = [("app_owner", "master"), *model.memberships]
    if not model.passwords:
        pairs += [("rds_iam", name) for name in model.login_roles]
    public = Schema("public", "app_owner", frozenset({("app_owner", "CREATE"), (PUBLIC, "USAGE")}))
    return replace(
        empty_catalog(),
        database_acl=frozenset(
            {
                ("master", "CONNECT"),
                *((name, "CONNECT") for name in model.login_roles),
                *(("app_owner", one) for one in ("CONNECT", "CREATE", "TEMPORARY")),
            }
        ),
        roles={
            role.name: role
            for role in (
                Role("master", login=True, createrole=True),
                Role("rds_iam"),
                Role("app_owner"),
                *(Role(name, login=True) for name in model.login_roles),
            )
        },
        memberships=frozenset(Membership(role, member) for role, member in pairs),
        schemas={"public": public},
        settings={
            name: {key: ", ".join(value) for key, value in model.settings(name).items()} for name in model.login_roles
        },
    )


def everything(*logins: str, iam: bool) -> tuple[Change, ...]:
    return (
        CreateRole("app_owner", login=False),
        *(CreateRole(login, login=True) for login in logins),
        GrantRole("app_owner", "master"),
        *(GrantRole("app_owner", login) for login in logins),
        *(GrantRole("rds_iam", login) for login in logins if iam),
        CloseDatabase("appdb"),
        GrantOnDatabase("appdb", ("CONNECT", "CREATE", "TEMPORARY"), "app_owner"),
        *(GrantConnect("appdb", login) for login in logins),
        GiveSchema("public", "app_owner"),
        *(
            SetInDatabase(login, "appdb", setting, (value,))
            for login in logins
            for setting, value in (("search_path", "public"), ("role", "app_owner"))
        ),
    )


def test_it_plans_one_login_with_a_token() -> None:
    assert plan(OWNER, empty_catalog()) == everything("app_user", iam=True)
    assert plan(OWNER, owned_catalog()) == ()
    assert find_drift(OWNER, owned_catalog(), "iam") == ()


def test_it_plans_two_logins_with_passwords_and_without_rds_iam() -> None:
    assert plan(PASSWORDS, empty_catalog()) == everything("app_user_a", "app_user_b", iam=False)
    assert plan(PASSWORDS, owned_catalog(PASSWORDS)) == ()
    assert find_drift(PASSWORDS, owned_catalog(PASSWORDS), "password") == ()


def test_it_takes_a_login_with_a_password_out_of_rds_iam() -> None:
    catalog = owned_catalog(PASSWORDS)
    catalog = replace(catalog, memberships=catalog.memberships | {Membership("rds_iam", "app_user_b")})
    assert plan(PASSWORDS, catalog) == (RevokeRole("rds_iam", "app_user_b"),)


def test_passwords_are_for_an_owners_login_only() -> None:
    with pytest.raises(BadModelError, match="auth: password with owner: false"):
        MODEL.for_auth("password")
    with pytest.raises(BadModelError, match="65 characters; 63 fit"):
        replace(OWNER, user="u" * 63).for_auth("password")
    with pytest.raises(BadModelError, match="Two roles have the name app_user_a"):
        replace(OWNER, reader="app_user_a").for_auth("password")


def test_it_makes_a_public_schema_that_was_dropped() -> None:
    assert CreateSchema("public", "app_owner") in plan(OWNER, replace(empty_catalog(), schemas={}))
    assert CreateSchema("public", "app_owner") not in plan(MODEL, replace(empty_catalog(), schemas={}))


def test_from_seven_roles_to_one_login_it_changes_that_login_alone() -> None:
    # In `app` as before; what the others may do stays, for their tasks still run.
    assert plan(OWNER, replace(finished_catalog(), schemas={**finished_catalog().schemas, **public()})) == (
        LimitConnections("app_user", -1),
        GrantRole("app_owner", "app_user"),
        GrantOnDatabase("appdb", ("CONNECT", "CREATE", "TEMPORARY"), "app_owner"),
        GiveSchema("public", "app_owner"),
        SetInDatabase("app_user", "appdb", "search_path", ("app", "public")),
        SetInDatabase("app_user", "appdb", "role", ("app_owner",)),
        ResetInDatabase("app_user", "appdb", "statement_timeout"),
        ResetInDatabase("app_user", "appdb", "idle_in_transaction_session_timeout"),
    )


def public() -> dict[str, Schema]:
    return {"public": Schema("public", "pg_database_owner", frozenset({(PUBLIC, "USAGE")}))}


def test_a_schema_app_of_the_projects_own_is_not_searched() -> None:
    catalog = owned_catalog()
    app = Schema("app", "app_owner", frozenset({("app_owner", "CREATE")}))
    assert plan(OWNER, replace(catalog, schemas={**catalog.schemas, "app": app})) == ()


def test_a_time_out_that_was_set_by_hand_stays() -> None:
    catalog = owned_catalog()
    user = {**catalog.settings["app_user"], "statement_timeout": "1h"}
    catalog = replace(catalog, settings={"app_user": user})
    assert plan(OWNER, catalog) == ()
    assert find_drift(OWNER, catalog, "iam") == (
        "app_user has statement_timeout = 1h in database appdb; opsctl did not set that.",
    )


def test_from_one_login_to_seven_roles_it_takes_back_what_the_owner_needed() -> None:
    changes = plan(MODEL, owned_catalog())
    taken = [one for one in changes if isinstance(one, (RevokeRole, RevokeOnDatabase, GiveSchema, ResetInDatabase))]
    assert taken == [
        RevokeRole("app_owner", "app_user"),
        RevokeOnDatabase("appdb", ("CONNECT", "CREATE", "TEMPORARY"), "app_owner"),
        GiveSchema("public", "pg_database_owner"),
        ResetInDatabase("app_user", "appdb", "role"),
    ]
    assert SetInDatabase("app_user", "appdb", "statement_timeout", ("5s",)) in changes
    assert LimitConnections("app_user", 40) in changes


def test_seven_roles_leave_alone_what_was_granted_by_hand() -> None:
    """Without the mark of an owner's login, its `role`, nothing is opsctl's."""
    catalog = finished_catalog()
    catalog = replace(
        catalog,
        memberships=catalog.memberships | {Membership("app_owner", "app_user")},
        database_acl=catalog.database_acl | {("app_owner", "CREATE")},
    )
    assert plan(MODEL, catalog) == ()
    assert find_drift(MODEL, catalog, "iam") == (
        "app_user is a member of app_owner; opsctl did not grant that.",
        "app_owner has CREATE on database appdb; opsctl did not grant that.",
    )


@pytest.mark.parametrize(("number", "name", "better"), [(160005, "16.5", "16.6"), (170001, "17.1", "17.2")])
def test_it_refuses_a_server_that_ignores_the_role_of_a_login(number: int, name: str, better: str) -> None:
    catalog = replace(empty_catalog(), server_version=number)
    with pytest.raises(FaultyServerError, match=f"PostgreSQL {name} ignores") as caught:
        plan(OWNER, catalog)
    assert better in caught.value.hint
    assert plan(MODEL, catalog)


def test_it_creates_the_extensions_that_are_missing_where_their_authors_want_them() -> None:
    extensions = {
        "pg_trgm": Extension("pg_trgm"),
        "pg_cron": Extension("pg_cron", home="pg_catalog"),
        "citext": Extension("citext", installed="public"),
    }
    model = replace(OWNER, extensions=("pg_trgm", "pg_cron", "citext"))
    assert plan(model, replace(owned_catalog(), extensions=extensions)) == (
        CreateExtension("pg_trgm", "public"),
        CreateExtension("pg_cron", None),
    )


def test_extensions_of_seven_roles_are_found_in_public() -> None:
    model = replace(MODEL, extensions=("pg_trgm",))
    catalog = replace(finished_catalog(), extensions={"pg_trgm": Extension("pg_trgm", installed="public")})
    assert [one for one in plan(model, catalog) if not isinstance(one, CreateSchema)] == [
        SetInDatabase(login, "appdb", "search_path", ("app", "public", "pg_temp")) for login in MODEL.login_roles
    ]


def test_an_extension_that_the_server_lacks_is_named_with_its_key() -> None:
    with pytest.raises(
        UnavailableExtensionError, match=r"no extension pgx, which application\.database\.extensions"
    ) as caught:
        plan(replace(OWNER, extensions=("pgx",)), empty_catalog())
    assert "on this machine one in a container" in caught.value.hint


def test_an_extension_in_another_schema_is_reported() -> None:
    model = replace(OWNER, extensions=("pg_trgm",))
    catalog = replace(owned_catalog(), extensions={"pg_trgm": Extension("pg_trgm", installed="tools")})
    assert find_drift(model, catalog, "iam") == (
        "The extension pg_trgm is in schema tools, where the logins do not look for it.",
    )
