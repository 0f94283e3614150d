"""Whatever breaks off the set-up or the rotation of the login: its secret works, or there is none yet."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names its class in lower case

from opsctl.dbroles.connection import Credentials, MasterOpener, connect
from opsctl.dbroles.deadline import Deadline
from opsctl.dbroles.errors import (
    BadLoginError,
    BadSecretError,
    DbRolesError,
)
from opsctl.dbroles.login_keeper import LoginKeeper
from opsctl.dbroles.login_secret import make_password
from opsctl.dbroles.settings import ConnectionSettings
from tests.functional.dbroles.owner_site import OwnerSite

pytestmark = pytest.mark.postgres


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Steps:
    """Every step of a keeper, at one of which it is killed; `passed` names those that were reached."""

    kill_at: str = ""
    passed: list[str] = field(default_factory=list)

    def step(self, name: str) -> None:
        label = f"{name} {sum(one.startswith(name) for one in self.passed) + 1}"
        self.passed.append(label)
        if label == self.kill_at:
            raise Killed(label)

    def connect(self, settings: ConnectionSettings, credentials: Credentials) -> Connection:
        self.step("before connecting")
        opened = connect(settings, credentials)
        self.step("after connecting")
        return opened

    def make_password(self) -> str:
        self.step("before the password")
        return make_password()


def keeper(owner_site: OwnerSite, steps: Steps) -> LoginKeeper:
    owner_site.store.before = lambda doing: steps.step(f"before the {doing}")
    owner_site.store.after = lambda doing: steps.step(f"after the {doing}")
    model = owner_site.model.for_auth("password")
    return LoginKeeper(owner_site.settings, model, owner_site.store, steps.connect, steps.make_password)


def drive(owner_site: OwnerSite, doing: str, steps: Steps) -> None:
    """`ensure` or `rotate` on a connection of its own, which ends with the process."""
    made = keeper(owner_site, steps)
    try:
        with closing(MasterOpener(owner_site.settings)(Deadline(60))) as master:
            run = made.ensure if doing == "ensure" else made.rotate
            run(master, Deadline(60))
    finally:
        owner_site.store.before = owner_site.store.after = lambda _: None


@pytest.mark.parametrize("doing", ["ensure", "rotate"])
def test_whoever_is_killed_at_any_step_leaves_a_secret_that_works_or_none(owner_site: OwnerSite, doing: str) -> None:
    owner_site.initialize()
    initial = list(owner_site.store.versions) if doing == "rotate" else []
    whole = Steps()
    owner_site.store.versions[:] = initial
    drive(owner_site, doing, whole)
    steps = whole.passed
    assert [one for one in steps if one.startswith(("before the password", "before the write", "after the write"))] == [
        "before the password 1",
        "before the write 1",
        "after the write 1",
    ]
    for step in steps:
        # Rotations alternate, so that each begins with what the one before it left.
        if doing == "ensure":
            owner_site.store.versions.clear()
        before = list(owner_site.store.versions)
        with pytest.raises(Killed, match=step):
            drive(owner_site, doing, Steps(kill_at=step))
        stored = step == "after the write 1"
        assert len(owner_site.store.versions) == len(before) + stored, step
        if owner_site.store.versions:
            assert owner_site.works(), step
        if before:
            assert owner_site.works(old_login(owner_site, before)), step
        drive(owner_site, doing, Steps())
        assert owner_site.works(), step
        assert owner_site.initialize().changes == (), step


def old_login(owner_site: OwnerSite, versions: list[tuple[str, str]]) -> dict[str, Any]:
    return replace(owner_site.store, versions=versions).login


def test_a_connection_that_breaks_before_the_secret_is_written_leaves_it_alone(owner_site: OwnerSite) -> None:
    """With the master's session its lock is gone, so another run may be setting a password."""
    owner_site.initialize()
    before = list(owner_site.store.versions)
    made = keeper(owner_site, Steps())
    owner_site.store.before = owner_site.store.after = lambda _: None
    with closing(MasterOpener(owner_site.settings)(Deadline(60))) as master:

        def breaking(settings: ConnectionSettings, credentials: Credentials) -> Connection:
            opened = connect(settings, credentials)
            if credentials.user == owner_site.model.pair[1]:
                owner_site.server.run(f"SELECT pg_terminate_backend({master.info.backend_pid}, 5000)")
            return opened

        with pytest.raises(DbRolesError, match="keep the lock"):
            replace(made, connect=breaking).rotate(master, Deadline(60))
    assert owner_site.store.versions == before
    assert owner_site.works()
    assert owner_site.rotate().login == owner_site.model.pair[1]


def test_an_answer_about_the_secret_that_got_lost_is_looked_up(owner_site: OwnerSite) -> None:
    owner_site.initialize()

    def lose(doing: str) -> None:
        if doing == "write":
            raise BadSecretError("The answer got lost.")

    owner_site.store.after = lose
    report = owner_site.rotate()
    owner_site.store.after = lambda _: None
    assert report.secret_version == owner_site.store.versions[-1][0]
    assert owner_site.works()
    owner_site.store.before = lose
    with pytest.raises(BadSecretError, match="got lost"):
        owner_site.rotate()
    owner_site.store.before = lambda _: None
    assert owner_site.works()


def test_a_login_that_the_server_keeps_out_is_told_and_never_stored(owner_site: OwnerSite) -> None:
    owner_site.initialize()
    before = list(owner_site.store.versions)
    second = owner_site.model.pair[1]
    made = keeper(owner_site, Steps())
    owner_site.store.before = owner_site.store.after = lambda _: None
    owner_site.server.run(f"ALTER ROLE {second} NOLOGIN")
    with (
        closing(MasterOpener(owner_site.settings)(Deadline(60))) as master,
        pytest.raises(BadLoginError, match=f"did not let {second} in"),
    ):
        made.rotate(master, Deadline(60))
    assert owner_site.store.versions == before


def test_a_login_that_does_not_become_the_owner_is_told_and_never_stored(owner_site: OwnerSite) -> None:
    owner_site.initialize()
    before = list(owner_site.store.versions)
    second = owner_site.model.pair[1]
    made = keeper(owner_site, Steps())
    owner_site.store.before = owner_site.store.after = lambda _: None
    owner_site.site.do("postgres", f"ALTER ROLE {second} IN DATABASE {owner_site.site.database} RESET role")
    with (
        closing(MasterOpener(owner_site.settings)(Deadline(60))) as master,
        pytest.raises(BadLoginError, match=f"{second} logs in, but does not become"),
    ):
        made.rotate(master, Deadline(60))
    assert owner_site.store.versions == before
    assert owner_site.initialize().changes == (
        f"set role = {owner_site.model.owner} for {second} in database {owner_site.site.database}",
    )
