"""Whose a lock is: of a holder whose clock is wrong, whose process has ended, or who runs elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace

import pytest

from opsctl import host
from opsctl.aws.s3 import StoredObject
from opsctl.config.naming import lock_key
from opsctl.deploy.lease import LEASE_SECONDS, holder_notes, read_lease
from opsctl.deploy.lock import Lock, Run
from opsctl.errors import BusyError

from .bench import Clock
from .locks import Bucket, lock
from .world import ENV, FOLDER


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
