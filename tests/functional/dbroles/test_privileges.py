"""What each role can and can't do, as statements that succeed or are refused by a real server."""

from __future__ import annotations

import pytest

from tests.functional.dbroles.site import Site

pytestmark = pytest.mark.postgres

DENIED = "42501"  # insufficient_privilege
CLOSED = "no connection"

# Each entry: the role, what it tries, the statements for that, and the outcome.
PROBES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("user", "reads", ("SELECT count(*) FROM item",), "ok"),
    ("user", "inserts", ("INSERT INTO app.item (name) VALUES ('x')",), DENIED),
    ("user", "updates", ("UPDATE app.item SET name = 'x'",), DENIED),
    ("user", "deletes", ("DELETE FROM app.item",), DENIED),
    ("user", "truncates", ("TRUNCATE app.item",), DENIED),
    ("user", "creates a table", ("CREATE TABLE app.mine (id int)",), DENIED),
    ("user", "creates a table in public", ("CREATE TABLE public.mine (id int)",), DENIED),
    ("user", "creates a temporary table", ("CREATE TEMPORARY TABLE mine (id int)",), DENIED),
    ("user", "creates a schema", ("CREATE SCHEMA mine",), DENIED),
    ("user", "drops a table", ("DROP TABLE app.item",), DENIED),
    ("user", "looks into stage", ("SELECT * FROM stage.raw",), DENIED),
    ("user", "calls a function of the owner", ("SELECT app.answer()",), DENIED),
    ("user", "becomes the owner", ("SET ROLE {owner}",), DENIED),
    ("user", "becomes a writer", ("SET ROLE {writer}",), DENIED),
    ("user", "creates a role", ("CREATE ROLE mine",), DENIED),
    ("user", "grants itself the owner", ("GRANT {owner} TO {user}",), DENIED),
    ("user", "lifts a limit of another role", ("ALTER ROLE {loader} CONNECTION LIMIT 1",), DENIED),
    ("user", "takes a sequence number", ("SELECT nextval('app.item_id_seq')",), DENIED),
    ("readonly", "reads", ("SELECT count(*) FROM item",), "ok"),
    ("readonly", "inserts", ("INSERT INTO app.item (name) VALUES ('x')",), DENIED),
    ("readonly", "looks into stage", ("SELECT * FROM stage.raw",), DENIED),
    ("readonly", "explains a query", ("EXPLAIN SELECT * FROM item",), "ok"),
    ("loader", "reads", ("SELECT count(*) FROM item",), "ok"),
    ("loader", "inserts", ("INSERT INTO item (name) VALUES ('x')",), "ok"),
    ("loader", "updates", ("UPDATE item SET name = 'x'",), "ok"),
    ("loader", "deletes", ("DELETE FROM item",), "ok"),
    ("loader", "takes a sequence number", ("SELECT nextval('item_id_seq')",), "ok"),
    ("loader", "creates in stage", ("CREATE TABLE stage.new (id int)", "DROP TABLE stage.new"), "ok"),
    ("loader", "fills the owner's table in stage", ("INSERT INTO stage.raw VALUES (1)",), "ok"),
    ("loader", "truncates", ("TRUNCATE app.item",), DENIED),
    ("loader", "creates in app", ("CREATE TABLE app.mine (id int)",), DENIED),
    ("loader", "alters a table", ("ALTER TABLE app.item ADD COLUMN more int",), DENIED),
    ("loader", "drops a schema", ("DROP SCHEMA stage CASCADE",), DENIED),
    ("loader", "becomes the owner", ("SET ROLE {owner}",), DENIED),
    ("migrator", "creates and drops", ("CREATE TABLE more (id int)", "DROP TABLE more"), "ok"),
    ("migrator", "alters", ("ALTER TABLE item ADD COLUMN more int",), "ok"),
    ("migrator", "truncates", ("TRUNCATE item",), "ok"),
    ("migrator", "creates a function", ("CREATE FUNCTION two() RETURNS int LANGUAGE sql AS 'SELECT 2'",), "ok"),
    ("migrator", "creates in stage", ("CREATE TABLE stage.more (id int)",), "ok"),
    ("migrator", "creates a role", ("CREATE ROLE mine",), DENIED),
    ("migrator", "creates in public", ("CREATE TABLE public.mine (id int)",), DENIED),
    ("migrator", "reads passwords", ("SELECT * FROM pg_authid",), DENIED),
    ("owner", "logs in", (), CLOSED),
    ("writer", "logs in", (), CLOSED),
    ("reader", "logs in", (), CLOSED),
)


@pytest.fixture
def ready(site: Site) -> Site:
    site.initialize()
    site.do(
        site.model.migrator,
        "CREATE TABLE item (id bigserial PRIMARY KEY, name text)",
        "CREATE TABLE stage.raw (id int)",
        "CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'",
    )
    return site


def test_it_gives_each_role_what_it_is_for_and_no_more(ready: Site) -> None:
    names = {key: value for key, value in ready.model.to_dict().items() if isinstance(value, str)}
    outcomes = [
        (role, what, ready.attempt(names[role], *(statement.format(**names) for statement in statements)))
        for role, what, statements, _ in PROBES
    ]
    assert outcomes == [(role, what, outcome) for role, what, _, outcome in PROBES]
    assert len(PROBES) >= 40


def test_it_lets_the_service_write_when_the_configuration_says_so(ready: Site) -> None:
    writing = ready.with_model(user_writer=True)
    writing.initialize()
    assert ready.attempt(ready.model.user, "INSERT INTO item (name) VALUES ('x')") == "ok"
    assert ready.attempt(ready.model.user, "TRUNCATE item") == DENIED
    assert ready.attempt(ready.model.readonly, "INSERT INTO item (name) VALUES ('x')") == DENIED


def test_it_makes_the_owner_own_what_a_migration_creates(ready: Site) -> None:
    query = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('app', 'stage')"
    assert ready.ask(query) == [(ready.model.owner,)]
    assert ready.ask("SELECT current_user, session_user", user=ready.model.migrator) == [
        (ready.model.owner, ready.model.migrator)
    ]


def test_it_closes_the_database_to_roles_that_are_not_named(ready: Site) -> None:
    stranger = f"stranger_{ready.database}"
    ready.do("postgres", f"CREATE ROLE {stranger} LOGIN")
    assert ready.attempt(stranger) == CLOSED
    ready.do("postgres", f"DROP ROLE {stranger}")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("migrator", {"search_path": "app, pg_temp", "lock_timeout": "5s", "statement_timeout": "0"}),
        ("loader", {"search_path": "app, pg_temp", "lock_timeout": "0", "statement_timeout": "0"}),
        (
            "user",
            {
                "search_path": "app, pg_temp",
                "statement_timeout": "5s",
                "idle_in_transaction_session_timeout": "15s",
            },
        ),
        (
            "readonly",
            {
                "search_path": "app, pg_temp",
                "statement_timeout": "5s",
                "idle_in_transaction_session_timeout": "15s",
            },
        ),
    ],
)
def test_it_sets_search_path_and_time_outs_at_login(ready: Site, key: str, expected: dict[str, str]) -> None:
    role = str(ready.model.to_dict()[key])
    assert {name: ready.ask(f"SHOW {name}", user=role)[0][0] for name in expected} == expected


def test_it_does_not_let_a_temporary_object_stand_in_for_one_of_the_schema(ready: Site) -> None:
    """pg_temp stands last in the search path, even for the owner, who could create one with the privilege."""
    ready.do("postgres", f"GRANT TEMPORARY ON DATABASE {ready.database} TO {ready.model.owner}")
    assert (
        ready.attempt(
            ready.model.migrator,
            "CREATE TEMPORARY TABLE item (trap int)",
            "SELECT name FROM item",
        )
        == "ok"
    )


def test_it_limits_the_connections_of_the_service(site: Site) -> None:
    site.with_model(user_connection_limit=2).initialize()
    held = [site.server.connect(site.model.user, site.database) for _ in range(2)]
    try:
        assert site.attempt(site.model.user) == CLOSED
    finally:
        for connection in held:
            connection.close()
    assert site.ask(f"SELECT rolconnlimit FROM pg_roles WHERE rolname = '{site.model.readonly}'") == [(2,)]
