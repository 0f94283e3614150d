"""The application's password: made once, kept by every deploy, and shown nowhere."""

from __future__ import annotations

import logging
import re

import pytest

from opsctl.dbroles.errors import (
    DbRolesError,
)
from opsctl.dbroles.service import status
from tests.functional.dbroles.owner_site import OwnerSite

pytestmark = pytest.mark.postgres


def test_it_stores_a_login_that_works(owner_site: OwnerSite) -> None:
    checked = owner_site.initialize(check=True)
    assert owner_site.store.versions == []
    made = owner_site.initialize()
    assert made.changes == checked.changes
    assert made.changes[-1] == f"give {owner_site.model.pair[0]} a new password and store it in the login's secret"
    login = owner_site.store.login
    assert re.fullmatch("[A-Za-z0-9]{40}", login.pop("password"))
    assert login == {
        "engine": "postgres",
        "host": "127.0.0.1",
        "port": owner_site.server.port,
        "dbname": owner_site.site.database,
        "username": owner_site.model.pair[0],
    }
    assert owner_site.works()


def test_a_deploy_keeps_the_login_as_it_is(owner_site: OwnerSite) -> None:
    owner_site.initialize()
    before = list(owner_site.store.versions)
    passwords = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 's%_user_%' ORDER BY 1"
    stored = owner_site.site.ask(passwords)
    assert owner_site.initialize(check=True).changes == ()
    assert owner_site.initialize().changes == ()
    assert owner_site.initialize(extensions=["plpgsql"]).changes == ()
    assert owner_site.store.versions == before
    assert owner_site.site.ask(passwords) == stored
    assert status(owner_site.settings, owner_site.model, store=owner_site.store).pending == ()


@pytest.mark.parametrize(
    "text", ["", "password=x", "[]", '{"username": "postgres", "password": "x"}', '{"username": 7}']
)
def test_a_secret_without_a_login_gets_one(owner_site: OwnerSite, text: str) -> None:
    owner_site.store.versions.append(("first", text))
    owner_site.initialize()
    assert owner_site.store.login["username"] == owner_site.model.pair[0]
    assert owner_site.works()


def test_a_login_that_works_no_longer_is_replaced_by_the_other(owner_site: OwnerSite) -> None:
    owner_site.initialize()
    first, second = owner_site.model.pair
    owner_site.site.do("postgres", f"ALTER ROLE {first} PASSWORD 'changed-by-hand'")
    sentence = f"give {second} a new password and store it in the login's secret"
    assert status(owner_site.settings, owner_site.model, store=owner_site.store).pending == (sentence,)
    assert owner_site.initialize().changes == (sentence,)
    assert owner_site.store.login["username"] == second
    assert owner_site.works()


def test_a_new_address_is_written_beside_the_password_that_stays(owner_site: OwnerSite) -> None:
    owner_site.initialize()
    version, text = owner_site.store.versions[-1]
    owner_site.store.versions[-1] = (version, text.replace("127.0.0.1", "former.example.org"))
    password = owner_site.store.login["password"]
    change = ("write the database's address to the login's secret",)
    assert owner_site.initialize(check=True).changes == change
    assert owner_site.initialize().changes == change
    assert (owner_site.store.login["host"], owner_site.store.login["password"]) == ("127.0.0.1", password)
    assert owner_site.initialize().changes == ()


def test_a_login_in_rds_iam_is_taken_out_of_it(owner_site: OwnerSite) -> None:
    owner_site.initialize()
    first, _ = owner_site.model.pair
    granter = f"SET ROLE {owner_site.site.master}"
    owner_site.site.do("postgres", granter, f"GRANT rds_iam TO {first}")
    assert owner_site.initialize().changes == (f"take {first} out of rds_iam",)
    assert owner_site.works()


def test_no_password_is_ever_logged_or_shown(owner_site: OwnerSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [str(owner_site.initialize().to_dict())]
    shown += [str(owner_site.rotate().to_dict()) for _ in range(2)]
    shown.append(str(status(owner_site.settings, owner_site.model, store=owner_site.store).to_dict()))
    owner_site.site.do("postgres", f"ALTER ROLE {owner_site.model.pair[1]} NOLOGIN")
    with pytest.raises(DbRolesError) as caught:
        owner_site.rotate()
    shown.append(repr(caught.value) + str(caught.value.to_dict()))
    log = owner_site.log()
    assert (
        f'ALTER ROLE "{owner_site.model.pair[1]}" PASSWORD \'SCRAM-SHA-256$4096:' in log
    )  # it does log such statements
    passwords = [re.search('"password": "([^"]+)"', text) for _, text in owner_site.store.versions]
    assert len(passwords) == 3
    for found in passwords:
        assert found
        for text in (log, caplog.text, *shown):
            assert found[1] not in text
