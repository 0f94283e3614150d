"""Every attempt of the table, as every login, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest

from opsctl.dbroles.report import Report
from opsctl.dbroles.service import initialize
from tests.functional.dbroles.attempts.document import PATH, replaced
from tests.functional.dbroles.attempts.language import EVERYBODY, LOGIN, MENDS, SEVEN, Attempt, Open, Role
from tests.functional.dbroles.attempts.table import OPEN, ROWS
from tests.functional.dbroles.site import PASSWORD, Site

REFUSALS = {
    "42501",  # insufficient_privilege
    "55000",  # object_not_in_prerequisite_state: prepared transactions are off
    "53400",  # configuration_limit_exceeded
    "22012",  # division_by_zero, by which an attempt counts what it reached
    "0A000",  # feature_not_supported: this server comes without the extension
    "no connection",
}
TABLES = (
    "CREATE TABLE {schema}.item (id bigserial PRIMARY KEY, name text)",
    "CREATE MATERIALIZED VIEW {schema}.total AS SELECT count(*) AS number FROM {schema}.item",
)
OF_SEVEN = (
    "CREATE TABLE stage.raw (id int)",
    "CREATE TABLE app.django_migrations (id int)",
    "CREATE FUNCTION app.answer() RETURNS int LANGUAGE sql AS 'SELECT 42'",
)


class Stage:
    """A database with its roles and tables, set up by a master as on RDS, or by a superuser."""

    def __init__(self, site: Site, *, superuser: bool) -> None:
        self.site = site
        self.seven = not site.model.owner_login
        self._settings = replace(site.settings, user="postgres", password=None) if superuser else site.settings
        self.initialize()
        maker: Role = "migrator" if self.seven else "login"
        for statement in TABLES + (OF_SEVEN if self.seven else ()):
            site.do(self.names(maker)["me"], statement.format(**self.names(maker)))
        self.initialize()

    def initialize(self) -> Report:
        return initialize(self._settings, self.site.model)

    def roles(self, roles: tuple[Role, ...]) -> tuple[Role, ...]:
        """Those of them that this model has."""
        return tuple(role for role in roles if role in (SEVEN if self.seven else LOGIN))

    def names(self, role: Role) -> dict[str, str]:
        names = {key: value for key, value in self.site.model.to_dict().items() if isinstance(value, str)}
        me = names["user" if role == "login" else role]
        schema = "app" if self.seven else "public"
        return {**names, "me": me, "database": self.site.database, "master": self.site.master, "schema": schema}

    def outcome(self, role: Role, tried: Attempt | Open) -> str:
        """ "ok", or the SQLSTATE of the refusal. What it did is rolled back where that is possible."""
        names = self.names(role)
        statements = [statement.format(**names) for statement in tried.statements]
        database = (isinstance(tried, Attempt) and tried.database) or self.site.database
        alone = isinstance(tried, Attempt) and tried.alone
        try:
            with closing(self.site.server.connect(names["me"], database, autocommit=alone)) as opened:
                with opened.cursor() as cursor:
                    for statement in statements:
                        cursor.execute(statement)
                if not alone:
                    opened.rollback()
        except psycopg2.Error as error:
            return error.pgcode or "no connection"
        return "ok"

    def run(self, role: Role, statements: tuple[str, ...]) -> None:
        """Statements of a superuser."""
        self.site.do("postgres", *(statement.format(**self.names(role)) for statement in statements))


@pytest.fixture(params=["seven roles", "an owner's login"])
def made(request: pytest.FixtureRequest, site: Site) -> Iterator[Site]:
    """A site of each model, with a session of its master that runs on."""
    with closing(site.server.connect(site.master, site.database, PASSWORD)) as master:
        master.cursor().execute("SELECT 'of the master'")
        yield site.with_model(owner_login=request.param != "seven roles")
    site.server.run(f"DROP DATABASE IF EXISTS {site.database}_mine")


@pytest.fixture
def rds(made: Site) -> Stage:
    """Set up by a master without superuser's rights."""
    return Stage(made, superuser=False)


@pytest.fixture
def own(made: Site) -> Stage:
    """Set up by a superuser, on a server of one's own."""
    return Stage(made, superuser=True)


def expected(row: Attempt, role: Role, *, superuser: bool) -> bool:
    return role in row.may or (MENDS[row.mend].by_superuser and not superuser)


def wrong(stage: Stage, *, superuser: bool) -> list[tuple[str, Role, str]]:
    """What came out otherwise than the table says."""
    found = []
    for row in ROWS:
        for role in stage.roles(row.tried):
            outcome = stage.outcome(role, row)
            right = {"ok"} if expected(row, role, superuser=superuser) else REFUSALS
            if outcome not in right:
                found.append((row.what, role, outcome))
    return found


@pytest.mark.postgres
def test_each_login_may_do_what_the_table_says_under_a_master_as_on_rds(rds: Stage) -> None:
    assert wrong(rds, superuser=False) == []
    left = " ".join(rds.initialize().left_open)
    assert "lo_create" in left
    assert ("temp_file_limit" in left) is rds.seven
    assert not [sentence for sentence in rds.initialize().left_open if " database postgres " in sentence]


@pytest.mark.postgres
def test_a_limit_of_temporary_files_in_the_servers_configuration_is_seen(rds: Stage) -> None:
    """As a parameter group sets it; the database's own setting comes to the same for its sessions."""
    rds.site.do("postgres", f"ALTER DATABASE {rds.site.database} SET temp_file_limit = '5GB'")
    assert "temp_file_limit" not in " ".join(rds.initialize().left_open)


@pytest.mark.postgres
def test_a_superuser_closes_the_rest(own: Stage) -> None:
    assert wrong(own, superuser=True) == []
    assert own.initialize().changes == ()
    assert not [sentence for sentence in own.initialize().left_open if " database db_" not in sentence]


@pytest.mark.postgres
def test_each_rule_is_needed_and_the_next_run_mends_or_names_what_is_missing(own: Stage) -> None:
    for row in ROWS:
        role = next(iter(own.roles(row.refused())), None)
        mend = MENDS[row.mend]
        if role is None or not mend.undo:
            continue
        assert own.outcome(role, row) in REFUSALS, row.what
        before = own.initialize().findings
        own.run(role, mend.undo)
        assert own.outcome(role, row) == "ok", row.what
        report = own.initialize()
        assert report.changes or report.findings != before, row.what
        own.run(role, mend.redo)
        assert own.outcome(role, row) in REFUSALS, row.what


@pytest.mark.postgres
def test_what_postgresql_leaves_open_is_open(rds: Stage) -> None:
    for one in OPEN:
        for role in rds.roles(EVERYBODY):
            assert rds.outcome(role, one) == "ok", (one.what, role)


@pytest.mark.postgres
def test_what_a_role_set_for_itself_does_not_outlive_the_next_run(rds: Stage) -> None:
    if not rds.seven:
        pytest.skip("an owner's login has no time-outs")
    me, database = rds.site.model.user, rds.site.database
    rds.site.do(me, f"ALTER ROLE {me} SET statement_timeout = 0", f"ALTER ROLE {me} SET work_mem = '1GB'")
    assert rds.site.ask("SHOW statement_timeout", user=me) == [("5s",)]
    rds.site.do(me, f"ALTER ROLE {me} IN DATABASE {database} SET statement_timeout = 0")
    assert rds.site.ask("SHOW statement_timeout", user=me) == [("0",)]
    report = rds.initialize()
    assert report.changes == (f"set statement_timeout = 5s for {me} in database {database}",)
    assert [one for one in report.findings if one.startswith(me)] == [
        f"{me} has {setting} in every database; opsctl did not set that."
        for setting in ("statement_timeout = 0", "work_mem = 1GB")
    ]
    assert rds.site.ask("SHOW statement_timeout", user=me) == [("5s",)]


def test_the_page_has_the_table() -> None:
    page = PATH.read_text()
    assert replaced(page) == page
    assert sum(len(row.refused()) > 0 for row in ROWS) >= 40
