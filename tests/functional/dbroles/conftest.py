"""A server of each installed major version for the whole run, and a site of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.functional.dbroles.owner_site import OwnerSite
from tests.functional.dbroles.servers import Installation, Server, installations, run_server
from tests.functional.dbroles.site import Site

_numbers = count(1)


def _name(installation: Installation) -> str:
    return f"pg{installation.major}"


@pytest.fixture(scope="session", params=installations(), ids=_name)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One server of each major version, shared by all tests that don't change its configuration."""
    with run_server(request.param) as running:
        yield running


@pytest.fixture(scope="session")
def one_server() -> Iterator[Server]:
    """One server, for tests in which the version doesn't matter."""
    with run_server(installations()[-1]) as running:
        yield running


PASSWORD_HBA = (
    "host all postgres 127.0.0.1/32 trust",
    "host all +test_masters 127.0.0.1/32 scram-sha-256",
    "host all +rds_iam 127.0.0.1/32 trust",  # stands in for an IAM token, and keeps passwords out as on RDS
    "host all all 127.0.0.1/32 scram-sha-256",
)


@pytest.fixture(scope="session", params=installations(), ids=_name)
def password_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that asks the application's logins for passwords, and writes every statement to its log."""
    with run_server(request.param, PASSWORD_HBA, ("log_statement=all",)) as running:
        yield running


@pytest.fixture
def owner_site(password_server: Server) -> Iterator[OwnerSite]:
    """A database, a master and names for a model with an owner's login, and a secret for that login."""
    made = OwnerSite(Site.create(password_server, next(_numbers)).with_model(owner_login=True))
    yield made
    made.site.drop()


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    """A database, a master and seven names that no other test uses."""
    made = Site.create(server, next(_numbers))
    yield made
    made.drop()


@pytest.fixture
def one_site(one_server: Server) -> Iterator[Site]:
    """`site` on a single server."""
    made = Site.create(one_server, next(_numbers))
    yield made
    made.drop()
