"""db init against real servers: what it makes, that it makes it once, and what it leaves alone."""

from __future__ import annotations

import pytest

from opsctl.dbroles.errors import ConflictError, MissingPrivilegeError
from opsctl.dbroles.service import initialize, status
from opsctl.dbroles.settings import ConnectionSettings
from tests.functional.dbroles.site import Site

pytestmark = pytest.mark.postgres


def test_it_makes_everything_once_and_then_changes_nothing(site: Site) -> None:
    first = site.initialize()
    second = site.initialize()
    assert len(first.changes) > 30
    assert first.findings == ()
    assert second.changes == ()
    assert second.findings == ()


def test_it_only_says_what_it_would_do_in_check_mode(site: Site) -> None:
    checked = site.initialize(check=True)
    assert site.ask(f"SELECT count(*) FROM pg_roles WHERE rolname = '{site.model.owner}'") == [(0,)]
    applied = site.initialize()
    assert checked.changes == applied.changes
    assert site.initialize(check=True).changes == ()


def test_it_reports_each_change_as_one_sentence_in_the_order_of_the_model(site: Site) -> None:
    names = site.model
    changes = site.initialize().changes
    wanted = [
        f"create role {names.owner}, without login",
        f"create role {names.readonly}, which may log in",
        f"make {site.master} a member of {names.owner}",
        f"make {names.migrator} a member of {names.owner}",
        f"make {names.readonly} a member of rds_iam",
        f"revoke everything on database {site.database} from PUBLIC",
        f"let {names.user} connect to database {site.database}",
        f"create schema app, owned by {names.owner}",
        f"grant USAGE, CREATE on schema stage to {names.loader}",
        f"grant SELECT on future tables of {names.owner} to {names.reader}",
        f"revoke EXECUTE on future functions of {names.owner} from PUBLIC",
        f"set role = {names.owner} for {names.migrator} in database {site.database}",
        f"set search_path = app, pg_temp for {names.readonly} in database {site.database}",
    ]
    assert [change for change in changes if change in wanted] == wanted


def test_it_revokes_create_on_the_public_schema_where_everyone_has_it(site: Site) -> None:
    site.do("postgres", "GRANT CREATE ON SCHEMA public TO PUBLIC")
    assert "revoke CREATE on schema public from PUBLIC" in site.initialize().changes
    assert site.initialize().changes == ()


def test_it_grants_on_tables_and_sequences_that_exist_already(site: Site) -> None:
    site.initialize()
    names = site.model
    site.do(names.migrator, "CREATE TABLE one (id serial PRIMARY KEY)", 'CREATE TABLE "Two; --" (id int)')
    site.do(
        "postgres",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA app FROM {names.reader}, {names.writer}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA app FROM {names.writer}",
    )
    assert site.initialize().changes == (
        f"grant SELECT on 2 tables in schema app to {names.reader}",
        f"grant INSERT, UPDATE, DELETE on 2 tables in schema app to {names.writer}",
        f"grant USAGE, SELECT on sequence one_id_seq in schema app to {names.writer}",
    )
    assert site.initialize().changes == ()


def test_it_follows_a_service_that_becomes_a_writer_and_back(site: Site) -> None:
    site.initialize()
    writing = site.with_model(user_writer=True)
    assert writing.initialize().changes == (f"make {site.model.user} a member of {site.model.writer}",)
    assert site.initialize().changes == (f"take {site.model.user} out of {site.model.writer}",)
    assert site.initialize().changes == ()


def test_it_puts_right_what_was_changed_by_hand(site: Site) -> None:
    site.initialize()
    user = site.model.user
    site.do(
        "postgres",
        f"ALTER ROLE {user} NOLOGIN NOINHERIT CREATEDB CONNECTION LIMIT -1",
        f"ALTER ROLE {user} IN DATABASE {site.database} SET statement_timeout = '1h'",
        f"REVOKE {site.model.reader} FROM {user}" + (f" GRANTED BY {site.master}" * (site.server.major >= 16)),
        f"GRANT CONNECT ON DATABASE {site.database} TO PUBLIC",
    )
    changes = site.initialize().changes
    assert f"set LOGIN, INHERIT, NOCREATEDB on role {user}" in changes
    assert f"give role {user} a limit of 40 connections" in changes
    assert f"set statement_timeout = 5s for {user} in database {site.database}" in changes
    assert f"make {user} a member of {site.model.reader}" in changes
    assert f"revoke everything on database {site.database} from PUBLIC" in changes
    assert site.initialize().changes == ()


def test_it_leaves_alone_and_reports_what_it_did_not_make(site: Site) -> None:
    site.initialize()
    names = site.model
    site.do(
        "postgres",
        f"CREATE ROLE guest_{site.database}",
        f"GRANT {names.owner} TO guest_{site.database}",
        "CREATE TABLE app.foreign_one (id int)",
        f"GRANT TEMPORARY ON DATABASE {site.database} TO guest_{site.database}",
        f"ALTER ROLE {names.user} IN DATABASE {site.database} SET work_mem = '1MB'",
        f"GRANT USAGE ON SCHEMA stage TO {names.user}",
    )
    site.do(names.migrator, "CREATE TABLE own (id int)", f"GRANT TRUNCATE ON own TO {names.user}")
    report = site.initialize()
    assert report.changes == ()
    assert report.findings == (
        f"guest_{site.database} is a member of {names.owner}; opsctl did not grant that.",
        f"guest_{site.database} has TEMPORARY on database {site.database}; opsctl did not grant that.",
        f"{names.user} has USAGE on schema stage; opsctl did not grant that.",
        f"The table app.foreign_one belongs to postgres, not to {names.owner}.",
        f"{names.user} has TRUNCATE on table app.own; opsctl did not grant that.",
        f"{names.user} has work_mem = 1MB in database {site.database}; opsctl did not set that.",
    )
    site.do("postgres", f"DROP OWNED BY guest_{site.database}", f"DROP ROLE guest_{site.database}")


def test_it_refuses_a_schema_of_somebody_else_and_changes_nothing(site: Site) -> None:
    site.do("postgres", "CREATE SCHEMA app")
    with pytest.raises(ConflictError, match="schema app exists and belongs to postgres"):
        site.initialize()
    assert site.ask(f"SELECT count(*) FROM pg_roles WHERE rolname = '{site.model.owner}'") == [(0,)]


def test_it_refuses_to_adopt_a_superuser(site: Site) -> None:
    site.do("postgres", f"CREATE ROLE {site.model.user} SUPERUSER")
    with pytest.raises(ConflictError, match="is a superuser"):
        site.initialize()


def test_it_refuses_to_work_as_a_role_of_the_model(site: Site) -> None:
    with pytest.raises(ConflictError, match="also a role of the model"):
        site.with_model(owner=site.master).initialize()


def test_it_needs_a_master_that_may_create_roles(site: Site) -> None:
    site.do("postgres", f"ALTER ROLE {site.master} NOCREATEROLE")
    with pytest.raises(MissingPrivilegeError, match="CREATEROLE"):
        site.initialize()


def test_it_needs_a_master_that_owns_the_database(site: Site) -> None:
    site.do("postgres", f"ALTER DATABASE {site.database} OWNER TO postgres")
    with pytest.raises(MissingPrivilegeError, match="does not own the database"):
        site.initialize()


def test_it_rolls_everything_back_when_a_statement_has_no_effect(site: Site) -> None:
    """A revoke that the master may not do is answered with a warning only; the check before the commit sees it."""
    site.do("postgres", f"CREATE ROLE {site.model.writer}", f"CREATE ROLE {site.model.user} LOGIN")
    site.do("postgres", f"GRANT {site.model.writer} TO {site.model.user}")
    if site.server.major < 16:
        assert site.initialize().changed  # before 16 CREATEROLE is enough for any role
        return
    site.do("postgres", f"GRANT {site.model.writer}, {site.model.user} TO {site.master} WITH ADMIN OPTION")
    with pytest.raises(MissingPrivilegeError, match="had no effect: take"):
        site.initialize()
    assert site.ask(f"SELECT count(*) FROM pg_roles WHERE rolname = '{site.model.owner}'") == [(0,)]


def test_it_does_not_let_a_server_setting_make_the_master_a_full_member_of_login_roles(site: Site) -> None:
    if site.server.major < 16:
        pytest.skip("createrole_self_grant came with PostgreSQL 16")
    site.do("postgres", f"ALTER ROLE {site.master} SET createrole_self_grant = 'set, inherit'")
    assert site.initialize().findings == ()
    assert (
        site.attempt("postgres", f"SET SESSION AUTHORIZATION {site.master}", f"SET ROLE {site.model.user}") == "42501"
    )


def test_it_works_as_a_superuser_on_a_server_without_a_restricted_master(site: Site) -> None:
    settings = ConnectionSettings(host="127.0.0.1", port=site.server.port, database=site.database, user="postgres")
    assert initialize(settings, site.model).changed
    assert initialize(settings, site.model).changes == ()


def test_it_describes_the_roles_and_their_drift(site: Site) -> None:
    before = status(site.settings, site.model)
    assert before.drifted
    assert not any(role.exists for role in before.roles)
    site.initialize()
    after = status(site.settings, site.model)
    assert not after.drifted
    assert after.findings == ()
    assert after.server_version.startswith(f"{site.server.major}.")
    roles = {role.key: role for role in after.roles}
    assert [key for key, role in roles.items() if role.login] == ["migrator", "loader", "user", "readonly"]
    assert [key for key, role in roles.items() if role.connects] == ["migrator", "loader", "user", "readonly"]
    assert all(role.rds_iam == role.login for role in after.roles)
    assert roles["user"].connection_limit == 40
    assert roles["loader"].member_of == tuple(sorted(("rds_iam", site.model.writer)))
    assert dict(after.schema_owners) == {"app": site.model.owner, "stage": site.model.owner}
    assert after.to_dict()["drifted"] is False


def test_it_describes_a_conflict_instead_of_failing(site: Site) -> None:
    site.do("postgres", "CREATE SCHEMA stage")
    report = status(site.settings, site.model)
    assert report.drifted
    assert "schema stage exists and belongs to postgres" in report.pending[0]


def test_it_keeps_every_accepted_name_as_it_is(one_site: Site) -> None:
    """Key words and the longest name go through quoted and uncut."""
    names = {"owner": "select", "migrator": "user", "writer": "_", "reader": "table", "user": "u" * 63}
    site = one_site.with_model(**names)
    assert site.initialize().changed
    assert site.initialize().changes == ()
    listed = ", ".join(f"'{name}'" for name in names.values())
    assert site.ask(f"SELECT count(*) FROM pg_roles WHERE rolname IN ({listed})") == [(5,)]
    assert site.ask("SELECT current_user", user="user") == [("select",)]
    site.drop()
