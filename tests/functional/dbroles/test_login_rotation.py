"""The rotation of the application's password: the other login takes over, and the first one works on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Barrier

import pytest

from opsctl.dbroles import apply, login_keeper
from opsctl.dbroles.errors import (
    BadModelError,
    ConflictError,
    LockHeldError,
)
from opsctl.dbroles.service import rotate
from tests.functional.dbroles.owner_site import OwnerSite

pytestmark = pytest.mark.postgres


def test_a_rotation_changes_to_the_other_login_while_the_first_works_on(owner_site: OwnerSite) -> None:
    owner_site.initialize()
    first = owner_site.store.login
    with owner_site.session() as task, task.cursor() as cursor:
        cursor.execute("CREATE TABLE item (id int)")
        report = owner_site.rotate()
        second = owner_site.store.login
        cursor.execute("INSERT INTO item VALUES (1)")
        assert owner_site.works(first)
    a, b = owner_site.model.pair
    assert (report.login, report.previous, report.secret_version) == (b, a, owner_site.store.versions[-1][0])
    assert report.findings == ()
    assert (first["username"], second["username"]) == (a, b)
    assert second["password"] != first["password"]
    assert owner_site.run("SELECT * FROM item") == [(1,)]
    assert owner_site.initialize().changes == ()
    with owner_site.session(first):
        third = owner_site.rotate()
    assert (third.login, third.previous) == (a, b)
    assert third.findings[0].startswith(f"{a} had 1 sessions open when its password changed")
    assert not owner_site.works(first)
    assert owner_site.works(second)
    assert owner_site.works()


def test_a_rotation_of_an_empty_secret_makes_the_first_login(owner_site: OwnerSite) -> None:
    owner_site.initialize()
    owner_site.store.versions.clear()
    report = owner_site.rotate()
    assert (report.login, report.previous) == (owner_site.model.pair[0], None)
    assert owner_site.works()


def test_a_rotation_waits_until_the_roles_are_made(owner_site: OwnerSite) -> None:
    with pytest.raises(ConflictError, match="not as configured") as caught:
        owner_site.rotate()
    assert "opsctl db init" in caught.value.hint
    assert owner_site.store.versions == []


def test_a_rotation_without_passwords_is_refused_in_one_sentence(owner_site: OwnerSite) -> None:
    with pytest.raises(BadModelError, match=r"no password to rotate: application\.database has auth: iam"):
        rotate(owner_site.site.settings, owner_site.model, store=owner_site.store)
    seven = replace(owner_site.model, owner_login=False)
    with pytest.raises(BadModelError, match="auth: password with owner: false"):
        rotate(owner_site.settings, seven, store=owner_site.store)
    with pytest.raises(BadModelError, match="auth: password with owner: false"):
        owner_site.initialize(owner_login=False)


def test_rotations_at_the_same_time_follow_one_another(owner_site: OwnerSite) -> None:
    owner_site.initialize()
    barrier = Barrier(4)

    def run(_: int) -> str:
        barrier.wait(timeout=30)
        return owner_site.rotate().login

    with ThreadPoolExecutor(4) as pool:
        logins = list(pool.map(run, range(4)))
    assert sorted(logins) == sorted(owner_site.model.pair * 2)
    assert len(owner_site.store.versions) == 5
    assert owner_site.works()
    assert owner_site.store.login["username"] == owner_site.model.pair[0]


def test_a_deploy_and_rotations_at_the_same_time_leave_a_login_that_works(owner_site: OwnerSite) -> None:
    owner_site.initialize()
    runs: list[Callable[[], object]] = [owner_site.rotate, owner_site.initialize] * 2
    with ThreadPoolExecutor(len(runs)) as pool:
        for done in [pool.submit(run) for run in runs]:
            done.result()
    assert owner_site.works()
    assert len(owner_site.store.versions) == 3


def test_a_rotation_waits_for_a_run_of_db_init(owner_site: OwnerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    owner_site.initialize()
    monkeypatch.setattr(login_keeper, "LOCK_SECONDS", 1)
    with closing(owner_site.server.connect(database=owner_site.site.database)) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (apply.ADVISORY_LOCK,))
        with pytest.raises(LockHeldError, match="has held the lock of db init for 1 s"):
            owner_site.rotate()
    owner_site.rotate()
