"""The lease: one holder, renewed, lost when taken over, free again after it ran out."""

from __future__ import annotations

import json

import pytest

from opsctl.aws.s3 import StoredObject
from opsctl.deploy.lock import LEASE_SECONDS, Lock, LockLostError, break_lock, lock_key, read_lease
from opsctl.errors import BusyError, ExitCode

from .fakes import Clock


class Bucket:
    """Objects with ETags and conditional writes, as S3 has them."""

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}
        self.version = 0

    def get(self, bucket: str, key: str) -> StoredObject | None:
        return self.objects.get(key)

    def put_if(self, bucket: str, key: str, body: bytes, *, etag: str | None) -> str | None:
        known = self.objects.get(key)
        if (known.etag if known else None) != etag:
            return None
        self.version += 1
        self.objects[key] = StoredObject(body, f'"{self.version}"')
        return self.objects[key].etag

    def delete(self, bucket: str, key: str) -> None:
        self.objects.pop(key, None)


def lock(bucket: Bucket, clock: Clock, run_id: str) -> Lock:
    return Lock(bucket, "b", "dev", owner="ann@host", run_id=run_id, command="opsctl deploy", clock=clock)


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
    held = read_lease(bucket, "b", "dev")
    assert held is not None
    assert held.id == "two"


def test_leaving_the_block_gives_the_lock_back() -> None:
    bucket, clock = Bucket(), Clock()
    with lock(bucket, clock, "one"):
        assert read_lease(bucket, "b", "dev") is not None
    assert bucket.objects == {}


def test_something_else_in_the_locks_place_is_replaced() -> None:
    bucket, clock = Bucket(), Clock()
    bucket.objects[lock_key("dev")] = StoredObject(b"not json", '"x"')
    lock(bucket, clock, "one").acquire()
    assert json.loads(bucket.objects[lock_key("dev")].body)["id"] == "one"


def test_unlock_removes_the_lease_and_says_whose_it_was() -> None:
    bucket, clock = Bucket(), Clock()
    lock(bucket, clock, "one").acquire()
    broken = break_lock(bucket, "b", "dev")
    assert broken is not None
    assert broken.owner == "ann@host"
    assert break_lock(bucket, "b", "dev") is None
