"""A rotation of the master's password in its four steps, with db init between every two of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from opsctl.dbroles.connection import MasterOpener, Refusals
from opsctl.dbroles.deadline import Deadline
from opsctl.dbroles.errors import BadSecretError, PasswordRefusedError
from opsctl.dbroles.service import initialize
from opsctl.dbroles.settings import ConnectionSettings
from tests.functional.dbroles.site import PASSWORD, Site

pytestmark = pytest.mark.postgres

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:master-AbCdEf"
NEW_PASSWORD = "c0rrect-h0rse"


class FakeSecret:
    """One secret with its stages; `read` counts."""

    def __init__(self, user: str, password: str) -> None:
        self.user = user
        self.stages: dict[str, str] = {}
        self.reads: list[str] = []
        self.put("AWSCURRENT", password)

    def put(self, stage: str, password: str) -> None:
        self.stages[stage] = json.dumps({"username": self.user, "password": password})

    def read(self, arn: str, stage: str) -> str | None:
        assert arn == ARN
        self.reads.append(stage)
        return self.stages.get(stage)


@dataclass
class FakeTime:
    """A clock that only sleeping moves; `events` happen at their second."""

    events: dict[int, Callable[[], None]]
    now: float = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        event = self.events.pop(int(self.now), None)
        if event:
            event()


def settings_of(site: Site) -> ConnectionSettings:
    return replace(site.settings, user=None, password=None, secret_arn=ARN)


def set_password(site: Site, password: str) -> None:
    site.server.run(f"ALTER ROLE {site.master} PASSWORD '{password}'")


def test_it_works_between_all_steps_of_a_rotation(site: Site) -> None:
    secret = FakeSecret(site.master, PASSWORD)
    opener = MasterOpener(settings_of(site), secret)

    def run() -> bool:
        return initialize(settings_of(site), site.model, opener=opener).changed

    assert run()
    secret.stages["AWSPENDING"] = ""  # createSecret has begun
    assert not run()
    secret.put("AWSPENDING", NEW_PASSWORD)  # createSecret is done
    assert not run()
    set_password(site, NEW_PASSWORD)  # setSecret
    secret.reads.clear()
    assert not run()
    assert secret.reads == ["AWSCURRENT", "AWSPENDING"]
    assert not run()  # testSecret
    secret.put("AWSCURRENT", NEW_PASSWORD)  # finishSecret
    assert not run()
    del secret.stages["AWSPENDING"]
    secret.reads.clear()
    assert not run()
    assert secret.reads == ["AWSCURRENT"]
    set_password(site, PASSWORD)


def test_it_waits_for_a_secret_that_is_stored_some_seconds_later(site: Site) -> None:
    secret = FakeSecret(site.master, "0ld-p4ss")
    time = FakeTime({20: lambda: secret.put("AWSPENDING", PASSWORD)})
    opener = MasterOpener(settings_of(site), secret, time.sleep, time.clock)
    opener(Deadline(60)).close()
    assert time.now == 20


def test_it_gives_up_after_thirty_seconds_and_names_both_stages(site: Site) -> None:
    secret = FakeSecret(site.master, "0ld-p4ss")
    secret.put("AWSPENDING", "0ld-p4ss-2")
    time = FakeTime({})
    opener = MasterOpener(settings_of(site), secret, time.sleep, time.clock)
    with pytest.raises(PasswordRefusedError, match="tried AWSCURRENT and AWSPENDING") as caught:
        opener(Deadline(60))
    assert 28 <= time.now <= 30
    assert "0ld-p4ss" not in str(caught.value)


def test_it_does_not_wait_again_for_what_it_has_just_waited_for(site: Site) -> None:
    """Rolling back a failed update calls the function once more, in the same process."""
    secret = FakeSecret(site.master, "0ld-p4ss")
    time = FakeTime({})
    refusals = Refusals(time.clock)

    def seconds() -> float:
        start = time.now
        opener = MasterOpener(settings_of(site), secret, time.sleep, time.clock, refusals)
        with pytest.raises(PasswordRefusedError):
            opener(Deadline(60))
        return time.now - start

    assert seconds() >= 28
    assert seconds() == 0
    time.now += 120
    assert seconds() >= 28
    secret.put("AWSCURRENT", PASSWORD)
    MasterOpener(settings_of(site), secret, time.sleep, time.clock, refusals)(Deadline(60)).close()
    secret.put("AWSCURRENT", "0ld-p4ss")
    assert seconds() >= 28


def test_it_does_not_repeat_a_given_password_that_was_refused(site: Site) -> None:
    time = FakeTime({})
    wrong = replace(site.settings, password="wrong")
    with pytest.raises(PasswordRefusedError):
        MasterOpener(wrong, FakeSecret("", ""), time.sleep, time.clock)(Deadline(60))
    assert time.now == 0


def test_it_checks_the_log_in_with_the_password_of_that_moment(site: Site) -> None:
    """The rotation ends between the two connections: the guard must not mistake that for a lock-out."""
    secret = FakeSecret(site.master, PASSWORD)
    opener = MasterOpener(settings_of(site), secret)

    class Rotating:
        opened = 0

        def __call__(self, deadline: Deadline, patience: float | None = None) -> object:
            if self.opened:
                set_password(site, NEW_PASSWORD)
                secret.put("AWSPENDING", NEW_PASSWORD)
            self.opened += 1
            return opener(deadline, patience)

    rotating = Rotating()
    assert initialize(settings_of(site), site.model, opener=rotating).changed  # type: ignore[arg-type]
    assert rotating.opened == 2
    set_password(site, PASSWORD)


def test_it_refuses_a_current_secret_without_a_password(site: Site) -> None:
    secret = FakeSecret(site.master, PASSWORD)
    secret.stages["AWSCURRENT"] = json.dumps({"username": site.master})
    with pytest.raises(BadSecretError, match="AWSCURRENT"):
        MasterOpener(settings_of(site), secret)(Deadline(60))
