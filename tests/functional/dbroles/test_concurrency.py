"""Runs at the same time wait for each other, never fail, and only the first one writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from opsctl.dbroles.report import Report
from opsctl.dbroles.service import initialize
from opsctl.dbroles.settings import ConnectionSettings
from tests.functional.dbroles.site import PASSWORD, Site

pytestmark = pytest.mark.postgres

AT_ONCE = 8

# xmin changes with every write to a row, also with one that writes the same values again.
CATALOG = """
SELECT 'role', a.xmin::text, r::text FROM pg_roles r JOIN pg_authid a ON a.oid = r.oid
UNION ALL SELECT 'member', xmin::text, m::text FROM pg_auth_members m
UNION ALL SELECT 'setting', xmin::text, s::text FROM pg_db_role_setting s
UNION ALL SELECT 'database', xmin::text, datacl::text FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'schema', xmin::text, n::text FROM pg_namespace n WHERE nspname IN ('app', 'stage', 'public')
UNION ALL SELECT 'default', xmin::text, d::text FROM pg_default_acl d
ORDER BY 1, 2, 3
"""


def run_at_once(settings: list[ConnectionSettings], site: Site) -> list[Report]:
    """Start one run per entry of `settings` at the same moment; an error in any of them is raised."""
    barrier = Barrier(len(settings))

    def run(one: ConnectionSettings) -> Report:
        barrier.wait(timeout=30)
        return initialize(one, site.model)

    with ThreadPoolExecutor(len(settings)) as pool:
        return list(pool.map(run, settings))


def check_rounds(site: Site, rounds: int) -> None:
    first = run_at_once([site.settings] * AT_ONCE, site)
    assert sorted(report.changed for report in first) == [False] * (AT_ONCE - 1) + [True]
    catalog = site.ask(CATALOG)
    for _ in range(rounds - 1):
        assert not any(report.changed for report in run_at_once([site.settings] * AT_ONCE, site))
    assert site.ask(CATALOG) == catalog


def test_it_lets_one_of_eight_runs_work_and_the_others_find_nothing_to_do(site: Site) -> None:
    check_rounds(site, 4)


@pytest.mark.soak
def test_it_stays_the_same_through_fifty_rounds_of_eight(site: Site) -> None:
    check_rounds(site, 50)


def test_it_settles_runs_on_several_databases_of_one_server(site: Site) -> None:
    """The advisory lock belongs to a database, roles to the server: such runs collide and are tried again."""
    others = [f"{site.database}_{number}" for number in range(5)]
    site.server.run(*(f"CREATE DATABASE {name} OWNER {site.master}" for name in others))
    every = [
        ConnectionSettings(
            host="127.0.0.1", port=site.server.port, database=name, user=site.master, password=PASSWORD, auth="iam"
        )
        for name in (site.database, *others)
    ]
    try:
        run_at_once(every, site)
        assert not any(report.changed for report in run_at_once(every, site))
    finally:
        site.server.run(*(f"DROP DATABASE {name}" for name in others))
