"""The master never locks itself out on a server whose pg_hba counts every membership for +rds_iam.

Such a server asks members of rds_iam for an IAM token. The rule for the master stands below that rule, so a master who
becomes a member, however indirectly, can't log in with its password any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names its class in lower case

from opsctl.dbroles.connection import MasterOpener
from opsctl.dbroles.deadline import Deadline
from opsctl.dbroles.errors import MasterLockedOutError
from opsctl.dbroles.service import initialize
from tests.functional.dbroles.servers import Installation, Server, installations, run_server
from tests.functional.dbroles.site import PASSWORD, Site

pytestmark = pytest.mark.postgres

COUNTING_HBA = (
    "host all postgres 127.0.0.1/32 trust",
    "host all +rds_iam 127.0.0.1/32 reject",
    "host all all 127.0.0.1/32 scram-sha-256",
)


@pytest.fixture(scope="module", params=installations(), ids=lambda found: f"pg{found.major}")
def counting_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    installation: Installation = request.param
    with run_server(installation, COUNTING_HBA) as running:
        yield running


@dataclass
class OpenerWithEvent(MasterOpener):
    """Opens as usual; after the first connection something happens on the server."""

    event: Callable[[], None] = lambda: None
    opened: list[Connection] = field(default_factory=list)

    def __call__(self, deadline: Deadline, patience: float | None = None) -> Connection:
        connection = super().__call__(deadline, patience)
        if not self.opened:
            self.event()
        self.opened.append(connection)
        return connection


def master_gets_in(site: Site) -> bool:
    try:
        site.server.connect(site.master, site.database, PASSWORD).close()
    except psycopg2.OperationalError:
        return False
    return True


def prepare(server: Server, number: int) -> Site:
    """A site whose master isn't counted yet: on 16+ the ADMIN OPTION that it needs comes later."""
    site = Site.create(server, number)
    if server.major >= 16:
        server.run(f"REVOKE rds_iam FROM {site.master}")
    return site


def members_of_rds_iam(site: Site) -> list[tuple[object, ...]]:
    return site.ask(
        "SELECT m.rolname FROM pg_auth_members a "
        "JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member "
        f"WHERE r.rolname = 'rds_iam' AND m.rolname = ANY(ARRAY{list(site.model.login_roles)}::name[])"
    )


def test_it_takes_rds_iam_back_when_the_master_was_locked_out(counting_server: Server) -> None:
    site = prepare(counting_server, 901)
    if counting_server.major >= 16:
        # Creating the login roles makes the master a member of them; the right to pass on rds_iam counts as well.
        event = f"GRANT rds_iam TO {site.master} WITH ADMIN OPTION"
    else:
        # Before 16 a creator isn't made a member, so somebody has done it by hand.
        counting_server.run(f"CREATE ROLE {site.model.user} LOGIN")
        event = f"GRANT {site.model.user} TO {site.master}"
    opener = OpenerWithEvent(site.settings, event=lambda: counting_server.run(event))
    with pytest.raises(MasterLockedOutError, match="rds_iam was taken back from them") as caught:
        initialize(site.settings, site.model, opener=opener)
    assert "above its rule for +rds_iam" in caught.value.hint
    assert members_of_rds_iam(site) == []
    assert [connection.closed for connection in opener.opened] == [1]
    if counting_server.major >= 16:
        counting_server.run(f"REVOKE rds_iam FROM {site.master}")
    assert master_gets_in(site)


def test_the_master_is_locked_out_by_such_a_server_without_the_guard(counting_server: Server) -> None:
    """The counterpart: the memberships that db init leaves behind, and rds_iam granted to a login role."""
    if counting_server.major < 16:
        pytest.skip("before PostgreSQL 16 the creator of a role is no member of it")
    site = prepare(counting_server, 902)
    counting_server.run(f"CREATE ROLE {site.model.user} LOGIN")
    counting_server.run(f"SET ROLE {site.master}; CREATE ROLE {site.model.readonly} LOGIN")
    assert master_gets_in(site)
    counting_server.run(f"GRANT rds_iam TO {site.model.user}")
    assert master_gets_in(site)
    counting_server.run(f"GRANT rds_iam TO {site.model.readonly}")
    assert not master_gets_in(site)
    counting_server.run(f"REVOKE rds_iam FROM {site.model.readonly}")
    assert master_gets_in(site)


def test_it_keeps_rds_iam_where_the_master_stands_above_that_rule(counting_server: Server) -> None:
    site = Site.create(counting_server, 903)
    counting_server.hba([f"host all {site.master} 127.0.0.1/32 scram-sha-256", *COUNTING_HBA])
    try:
        assert site.initialize().changed
        assert site.initialize().changes == ()
        assert len(members_of_rds_iam(site)) == 4
    finally:
        counting_server.hba(COUNTING_HBA)


def test_it_says_so_when_rds_iam_could_not_be_taken_back(counting_server: Server) -> None:
    site = prepare(counting_server, 904)
    event = f"GRANT rds_iam TO {site.master} WITH ADMIN OPTION"

    class Breaking(OpenerWithEvent):
        def __call__(self, deadline: Deadline, patience: float | None = None) -> Connection:
            if self.opened:
                counting_server.run(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{site.master}'"
                )
            return super().__call__(deadline, patience)

    opener = Breaking(site.settings, event=lambda: counting_server.run(event))
    with pytest.raises(MasterLockedOutError, match="taking it back failed") as caught:
        initialize(site.settings, site.model, opener=opener)
    assert caught.value.hint.startswith("Run REVOKE rds_iam FROM")
