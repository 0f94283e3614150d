"""The lease: one holder, renewed, lost when taken over, free again after it ran out."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping

import pytest

from opsctl.aws.s3 import StoredObject
from opsctl.config.naming import lock_key
from opsctl.deploy.lease import LEASE_SECONDS, found, mark_cancelled, read_lease
from opsctl.deploy.lock import CancelledError, Lock, LockLostError, Run, break_lock
from opsctl.errors import BusyError, ExitCode, OpsctlError

from .bench import Clock
from .locks import Bucket, Unreachable, lock
from .world import ENV, FOLDER


def test_a_second_deploy_is_told_who_holds_the_lock() -> None:
    bucket, clock = Bucket(), Clock()
    lock(bucket, clock, "one").acquire()
    with pytest.raises(BusyError, match=r"ann@host \(opsctl deploy\)") as caught:
        lock(bucket, clock, "two").acquire()
    assert caught.value.exit_code == ExitCode.BUSY
    assert "opsctl unlock --env dev" in caught.value.hint


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_notices() -> None:
    bucket, clock = Bucket(), Clock()
    first, second = lock(bucket, clock, "one"), lock(bucket, clock, "two")
    first.acquire()
    clock.sleep(LEASE_SECONDS + 1)
    second.acquire()
    second.ensure()
    with pytest.raises(LockLostError):
        first.ensure()
    first.release()
    held = read_lease(bucket, "b", ENV)
    assert held is not None
    assert held.id == "two"


def test_leaving_the_block_gives_the_lock_back() -> None:
    bucket, clock = Bucket(), Clock()
    with lock(bucket, clock, "one"):
        assert read_lease(bucket, "b", ENV) is not None
    assert bucket.objects == {}


def test_something_else_in_the_locks_place_is_replaced() -> None:
    bucket, clock = Bucket(), Clock()
    bucket.objects[lock_key(FOLDER)] = StoredObject(b"not json", '"x"')
    lock(bucket, clock, "one").acquire()
    assert json.loads(bucket.objects[lock_key(FOLDER)].body)["id"] == "one"


def test_unlock_removes_the_lease_and_says_whose_it_was() -> None:
    bucket, clock = Bucket(), Clock()
    lock(bucket, clock, "one").acquire()
    broken = break_lock(bucket, "b", ENV)
    assert broken is not None
    assert broken.owner == "ann@host"
    assert break_lock(bucket, "b", ENV) is None


class Watched(Bucket):
    """A bucket that tells when it was written to for the `renewals`-th time after the first."""

    def __init__(self, renewals: int = 3) -> None:
        super().__init__()
        self.renewed = threading.Event()
        self._renewals = renewals

    def put_if(
        self, bucket: str, key: str, body: bytes, *, etag: str | None, notes: Mapping[str, str] | None = None
    ) -> str | None:
        written = super().put_if(bucket, key, body, etag=etag, notes=notes)
        if len(self.calls) > self._renewals:
            self.renewed.set()
        return written


def beating(bucket: Bucket, clock: Clock) -> Lock:
    return Lock(bucket, "b", ENV, Run("one", "ann@host", "opsctl deploy"), clock=clock, renew_seconds=0.01)


def test_the_lease_is_renewed_in_the_background_for_as_long_as_the_deploy_runs() -> None:
    bucket, clock = Watched(), Clock()
    with beating(bucket, clock) as held:
        clock.sleep(LEASE_SECONDS - 1)
        assert bucket.renewed.wait(10)
        clock.sleep(LEASE_SECONDS - 1)
        held.ensure()
    assert bucket.objects == {}


def test_a_lease_that_was_taken_over_is_noticed_before_it_runs_out() -> None:
    bucket, clock = Watched(), Clock()
    with beating(bucket, clock) as held:
        bucket.objects[lock_key(FOLDER)] = StoredObject(b'{"id": "two"}', '"two"')
        held._thread.join(10)  # type: ignore[union-attr]  # the heartbeat ends once it has lost
        with pytest.raises(LockLostError):
            held.ensure()
    assert lock_key(FOLDER) in bucket.objects


class LostAnswers(Bucket):
    """`lost` conditional writes succeed without an answer, and the SDK's repetition meets the first one."""

    lost = 1

    def put_if(
        self, bucket: str, key: str, body: bytes, *, etag: str | None, notes: Mapping[str, str] | None = None
    ) -> str | None:
        if self.lost:
            self.lost -= 1
            super().put_if(bucket, key, body, etag=etag, notes=notes)
        return super().put_if(bucket, key, body, etag=etag, notes=notes)


def test_a_repeated_request_that_meets_its_own_first_try_loses_nothing() -> None:
    bucket, clock = LostAnswers(), Clock()
    held = lock(bucket, clock, "one")
    held.acquire()
    clock.sleep(LEASE_SECONDS - 1)
    bucket.lost = 1
    assert held.renew() == bucket.objects[lock_key(FOLDER)].etag
    clock.sleep(LEASE_SECONDS - 1)
    held.ensure()


def test_renewing_a_lease_that_somebody_else_took_fails() -> None:
    bucket, clock = Bucket(), Clock()
    first, second = lock(bucket, clock, "one"), lock(bucket, clock, "two")
    first.acquire()
    clock.sleep(LEASE_SECONDS + 1)
    second.acquire()
    assert first.renew() is None
    assert second.renew() is not None


def test_a_lock_that_can_not_be_given_back_does_not_hide_what_went_wrong() -> None:
    bucket = Unreachable()

    def fail_without_network() -> None:
        bucket.down = True
        raise ValueError("the cause")

    with pytest.raises(ValueError, match="the cause"), lock(bucket, Clock(), "one"):
        fail_without_network()
    assert lock_key(FOLDER) in bucket.objects


SHOP = ENV.model_copy(update={"service": "shop"})


def test_projects_whose_environments_have_one_name_deploy_at_once() -> None:
    bucket, clock = Bucket(), Clock()
    ours = lock(bucket, clock, "one")
    theirs = Lock(bucket, "b", SHOP, Run("two", "eve@host", "opsctl deploy"), clock=clock)
    ours.acquire()
    theirs.acquire()
    assert set(bucket.objects) == {"locks/dev-salaries-acme.json", "locks/dev-shop-acme.json"}
    assert break_lock(bucket, "b", SHOP) is not None
    ours.ensure()
    held = read_lease(bucket, "b", ENV)
    assert held is not None
    assert held.id == "one"


def test_an_earlier_opsctls_lock_counts_while_it_lasts_and_is_left_alone() -> None:
    bucket, clock = Bucket(), Clock()
    lease = {"owner": "bob@host", "id": "old", "command": "opsctl deploy", "acquired": clock(), "expires": clock() + 60}
    bucket.objects["locks/dev.json"] = StoredObject(json.dumps(lease).encode(), '"old"')
    with pytest.raises(BusyError, match=r"by an earlier opsctl is running: bob@host .* 60 s more") as caught:
        lock(bucket, clock, "one").acquire()
    assert "runs out in 90 seconds at most" in caught.value.hint
    assert set(bucket.objects) == {"locks/dev.json"}
    clock.sleep(61)
    lock(bucket, clock, "one").acquire()
    assert set(bucket.objects) == {"locks/dev.json", lock_key(FOLDER)}


def test_who_cancels_is_named_before_the_next_write_and_the_lock_is_given_back() -> None:
    bucket, clock = Bucket(), Clock()
    held = lock(bucket, clock, "one")
    held.acquire()
    lease = read_lease(bucket, "b", ENV)
    assert lease is not None
    assert mark_cancelled(bucket, "b", ENV, lease, by="bob@desk")
    held.ensure()  # not known yet
    clock.sleep(LEASE_SECONDS - 1)
    assert held.renew() is not None
    with pytest.raises(CancelledError, match="bob@desk cancelled this"):
        held.ensure()
    held.release()
    assert bucket.objects == {}


def test_a_renewal_keeps_the_cancellation() -> None:
    bucket, clock = Watched(8), Clock()
    with beating(bucket, clock) as held:
        lease = read_lease(bucket, "b", ENV)
        assert lease is not None
        mark_cancelled(bucket, "b", ENV, lease, by="bob@desk")
        assert bucket.renewed.wait(10)
        again = found(bucket.get("b", lock_key(FOLDER)))
        assert again is not None
        assert again.cancelled == "bob@desk"
        assert held.cancelled_by() == "bob@desk"


def test_a_failure_that_somebody_wanted_names_that_person() -> None:
    bucket, clock = Bucket(), Clock()
    held = lock(bucket, clock, "one")
    held.acquire()
    lease = read_lease(bucket, "b", ENV)
    assert lease is not None
    with pytest.raises(OpsctlError, match=r"^app failed$"), held.naming_who_cancelled():
        raise OpsctlError("app failed")
    mark_cancelled(bucket, "b", ENV, lease, by="bob@desk")
    with pytest.raises(CancelledError) as caught, held.naming_who_cancelled():
        raise OpsctlError("app failed")
    assert caught.value.message == "bob@desk cancelled `opsctl deploy` of dev."
    assert caught.value.detail == ("app failed",)
    assert caught.value.exit_code == ExitCode.FAILED


def test_another_holder_is_not_cancelled() -> None:
    bucket, clock = Bucket(), Clock()
    first, second = lock(bucket, clock, "one"), lock(bucket, clock, "two")
    first.acquire()
    lease = read_lease(bucket, "b", ENV)
    assert lease is not None
    clock.sleep(LEASE_SECONDS + 1)
    second.acquire()
    assert not mark_cancelled(bucket, "b", ENV, lease, by="bob@desk")
    assert second.cancelled_by() == first.cancelled_by() == ""
    bucket.objects.clear()
    assert not mark_cancelled(bucket, "b", ENV, lease, by="bob@desk")


def test_a_lease_that_changes_all_the_time_is_busy() -> None:
    bucket, clock = Restless(), Clock()
    lock(bucket, clock, "one").acquire()
    lease = read_lease(bucket, "b", ENV)
    assert lease is not None
    bucket.restless = True
    with pytest.raises(BusyError):
        mark_cancelled(bucket, "b", ENV, lease, by="bob@desk")


class Restless(Bucket):
    """Somebody else is always quicker."""

    restless = False

    def put_if(
        self, bucket: str, key: str, body: bytes, *, etag: str | None, notes: Mapping[str, str] | None = None
    ) -> str | None:
        return None if self.restless else super().put_if(bucket, key, body, etag=etag, notes=notes)
