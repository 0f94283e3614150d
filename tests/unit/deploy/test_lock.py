"""The lease: one holder, renewed, lost when taken over, free again after it ran out."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import replace

import pytest

from opsctl import host
from opsctl.aws.errors import AwsError
from opsctl.aws.s3 import S3, StoredObject
from opsctl.config.naming import lock_key
from opsctl.deploy.lease import LEASE_SECONDS, found, holder_notes, mark_cancelled, read_lease
from opsctl.deploy.lock import CancelledError, Lock, LockLostError, Run, break_lock
from opsctl.errors import BusyError, ExitCode, OpsctlError

from .bench import Clock
from .world import ENV, FOLDER


class Bucket(S3):
    """Objects with ETags and conditional writes, as S3 has them."""

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}
        self.version = 0

    def get(self, bucket: str, key: str) -> StoredObject | None:
        return self.objects.get(key)

    def put_if(
        self, bucket: str, key: str, body: bytes, *, etag: str | None, notes: Mapping[str, str] | None = None
    ) -> str | None:
        known = self.objects.get(key)
        if (known.etag if known else None) != etag:
            return None
        self.version += 1
        self.objects[key] = StoredObject(body, f'"{self.version}"', notes=dict(notes or {}))
        return self.objects[key].etag

    def delete(self, bucket: str, key: str) -> None:
        self.objects.pop(key, None)


def lock(bucket: Bucket, clock: Clock, run_id: str) -> Lock:
    return Lock(bucket, "b", ENV, Run(run_id, "ann@host", "opsctl deploy"), clock=clock)


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
        if self.version > self._renewals:
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


class Unreachable(Bucket):
    """A bucket that can't be read any more once `down` is set."""

    down = False

    def get(self, bucket: str, key: str) -> StoredObject | None:
        if self.down:
            raise AwsError("AWS can't be reached.")
        return super().get(bucket, key)


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


# -- whose it is -------------------------------------------------------------------------------------------------------


class Aged(Bucket):
    """A bucket whose clock goes on by itself: it tells how old an object is, whatever its readers' clocks say."""

    def __init__(self) -> None:
        super().__init__()
        self.time = Clock()
        self.written = 0.0

    def get(self, bucket: str, key: str) -> StoredObject | None:
        stored = super().get(bucket, key)
        return replace(stored, age=self.time() - self.written) if stored else None

    def put_if(
        self, bucket: str, key: str, body: bytes, *, etag: str | None, notes: Mapping[str, str] | None = None
    ) -> str | None:
        self.written = self.time()
        return super().put_if(bucket, key, body, etag=etag, notes=notes)


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("whose", ["holder", "other"])
def test_a_wrong_clock_neither_takes_a_lock_nor_waits_for_one_that_ran_out(
    hours: int, whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, right, wrong = Aged(), Clock(), Clock()
    monkeypatch.setattr(host, "identity", lambda: "elsewhere")
    wrong.now += hours * 3600
    first = lock(bucket, wrong if whose == "holder" else right, "one")
    first.acquire()
    monkeypatch.setattr(host, "identity", lambda: "here")
    second = lock(bucket, wrong if whose == "other" else right, "two")
    bucket.time.sleep(LEASE_SECONDS - 1)
    with pytest.raises(BusyError, match="its lease runs 1 s more"):
        second.acquire()
    bucket.time.sleep(2)
    second.acquire()


def test_the_lease_is_written_in_the_time_of_s3_for_those_that_read_nothing_else() -> None:
    bucket, clock = Bucket(), Clock()
    bucket.ahead = 3600.0
    lock(bucket, clock, "one").acquire()
    held = read_lease(bucket, "b", ENV)
    assert held is not None
    assert (held.acquired, held.expires) == (clock() + 3600, clock() + 3600 + LEASE_SECONDS)


def dead() -> dict[str, str]:
    """What a process of this machine that has ended left with its lease."""
    child = subprocess.Popen(["sleep", "60"])
    started = host.start_time(child.pid)
    child.kill()
    child.wait()
    return {"holder-host": host.identity(), "holder-process": str(child.pid), "holder-started": started}


def left_behind(bucket: Bucket, clock: Clock, notes: Mapping[str, str]) -> None:
    lock(bucket, clock, "one").acquire()
    stored = bucket.objects[lock_key(FOLDER)]
    bucket.objects[lock_key(FOLDER)] = replace(stored, notes=notes)


def test_the_lock_of_a_dead_process_of_this_machine_is_taken_over_at_once_and_told() -> None:
    bucket, clock, told = Bucket(), Clock(), list[str]()
    left_behind(bucket, clock, dead())
    Lock(bucket, "b", ENV, Run("two", "eve@host", "opsctl deploy"), clock=clock, tell=told.append).acquire()
    assert len(told) == 1
    assert told[0].startswith("ann@host (opsctl deploy) since ")
    assert told[0].endswith("ended on this machine without giving the lock of dev back; it is taken over.")


def test_a_later_process_with_the_number_of_the_dead_one_holds_nothing() -> None:
    bucket, clock = Bucket(), Clock()
    left_behind(bucket, clock, {**holder_notes(), "holder-started": "1"})
    lock(bucket, clock, "two").acquire()


@pytest.mark.parametrize("change", [{"holder-host": "another"}, {"holder-host": ""}, {"holder-process": "x"}])
def test_of_a_process_elsewhere_nobody_knows_whether_it_lives(change: dict[str, str]) -> None:
    bucket, clock = Bucket(), Clock()
    left_behind(bucket, clock, {**dead(), **change})
    with pytest.raises(BusyError):
        lock(bucket, clock, "two").acquire()


def test_a_process_that_runs_keeps_its_lock() -> None:
    bucket, clock = Bucket(), Clock()
    lock(bucket, clock, "one").acquire()
    assert bucket.objects[lock_key(FOLDER)].notes["holder-process"] == str(os.getpid())
    with pytest.raises(BusyError):
        lock(bucket, clock, "two").acquire()


def test_an_earlier_opsctl_reads_what_is_written_now() -> None:
    """It takes these five names and no other; what else it finds it takes for nobody's."""
    bucket = Bucket()
    lock(bucket, Clock(), "one").acquire()
    assert set(json.loads(bucket.objects[lock_key(FOLDER)].body)) == {"owner", "id", "command", "acquired", "expires"}
