"""Waiting for the lock that somebody else holds, and ends of a command that nobody planned."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping

import pytest

from opsctl import leaving
from opsctl.aws.s3 import StoredObject
from opsctl.config.naming import lock_key
from opsctl.deploy.lease import LEASE_SECONDS, found, live_lease, mark_cancelled, read_lease
from opsctl.deploy.lock import CancelledError, Lock, LockLostError, Run
from opsctl.errors import BusyError

from .bench import Clock
from .locks import Bucket, Unreachable, lock
from .world import ENV, FOLDER, FakeS3

# -- waiting -----------------------------------------------------------------------------------------------------------


def waiting(bucket: Bucket, clock: Clock, told: list[str], pause: Callable[[float], object]) -> Lock:
    return Lock(
        bucket, "b", ENV, Run("two", "eve@host", "opsctl deploy"), clock=clock, wait_seconds=600,
        tell=told.append, pause=pause,
    )  # fmt: skip


def test_who_waits_is_told_once_for_whom_and_goes_on_when_it_is_free() -> None:
    bucket, clock, told = Bucket(), Clock(), list[str]()
    first = lock(bucket, clock, "one")
    first.acquire()

    def pause(seconds: float) -> None:
        clock.sleep(seconds)
        if clock() < end:
            first._renew_once()
        else:
            first.release()

    end = clock() + 200
    second = waiting(bucket, clock, told, pause)
    with second:
        assert second.waited
        second.ensure()
    assert clock() - end < 10
    assert len(told) == 1
    assert "Waiting for the lock of dev: ann@host (opsctl deploy) since" in told[0]


def test_who_waited_long_enough_is_told_whose_it_is() -> None:
    bucket, clock, told = Bucket(), Clock(), list[str]()
    first = lock(bucket, clock, "one")
    first.acquire()

    def pause(seconds: float) -> None:
        clock.sleep(seconds)
        first._renew_once()

    with pytest.raises(BusyError, match=r"after 10 minutes of waiting: ann@host") as caught:
        waiting(bucket, clock, told, pause).acquire()
    assert caught.value.exit_code == 75


def test_a_cancellation_outlives_a_renewal_where_an_etag_is_of_the_content_alone() -> None:
    bucket, clock = FakeS3([]), Clock()
    held = Lock(bucket, "b", ENV, Run("one", "ann@host", "opsctl deploy"), clock=clock)
    held.acquire()
    clock.sleep(10)
    lease = read_lease(bucket, "b", ENV)
    assert lease is not None
    assert mark_cancelled(bucket, "b", ENV, lease, by="bob@desk")
    held._renew_once()
    with pytest.raises(CancelledError, match="bob@desk cancelled this"):
        held.ensure()
    assert held.cancelled_by() == "bob@desk"


# -- ends that nobody planned ------------------------------------------------------------------------------------------


class Pressed(Bucket):
    """Somebody presses Ctrl-C while the answer to a write is on the way, or when a lease is given back."""

    at = "put"

    def put_if(
        self, bucket: str, key: str, body: bytes, *, etag: str | None, notes: Mapping[str, str] | None = None
    ) -> str | None:
        written = super().put_if(bucket, key, body, etag=etag, notes=notes)
        if self.at == "put":
            self.at = ""
            raise KeyboardInterrupt
        return written

    def delete(self, bucket: str, key: str) -> None:
        if self.at == "delete":
            self.at = ""
            raise KeyboardInterrupt
        super().delete(bucket, key)


@pytest.mark.parametrize("at", ["put", "delete"])
def test_no_lock_stays_behind_when_a_signal_comes_while_it_is_taken_or_given_back(at: str) -> None:
    bucket = Pressed()
    bucket.at = at
    with pytest.raises(KeyboardInterrupt), lock(bucket, Clock(), "one"):
        pass
    assert bucket.objects == {}


def test_ending_at_once_gives_the_lock_back_and_forbids_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "end_children", lambda: None)  # servers of other tests are children of this process
    bucket = Bucket()
    with lock(bucket, Clock(), "one") as held:
        leaving.end_abruptly()
        assert bucket.objects == {}
        with pytest.raises(LockLostError):
            held.ensure()


def test_a_network_that_is_gone_when_the_lease_ran_out_stops_the_deploy() -> None:
    bucket, clock = Unreachable(), Clock()
    held = lock(bucket, clock, "one")
    held.acquire()
    clock.sleep(LEASE_SECONDS + 1)
    bucket.down = True
    bucket.objects[lock_key(FOLDER)] = StoredObject(b"{}", '"other"')
    with pytest.raises(LockLostError, match="could not be renewed in time"):
        held.ensure()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"[" * 100_000, b"\xff\xfe", b"<html>",
        b'{"owner": "a", "id": "b", "command": "c", "acquired": NaN, "expires": 9e9}',
        b'{"owner": "a", "id": "b", "command": "c", "acquired": 1, "expires": 1e300}',
        b'{"owner": "a", "id": "b", "command": "c", "acquired": -1e12, "expires": 9e9}',
        b'{"owner": null, "id": 1, "command": [], "acquired": 1, "expires": 9e9}',
    ],
    ids=lambda body: repr(body[:60]),
)  # fmt: skip
def test_what_is_no_lease_holds_nobody_up(body: bytes) -> None:
    bucket, clock = Bucket(), Clock()
    bucket.objects[lock_key(FOLDER)] = StoredObject(body, '"0"', age=1.0)
    with lock(bucket, clock, "one"):
        assert (live_lease(bucket, "b", ENV, clock()) or pytest.fail("no lease")).id == "one"


def test_asking_in_the_middle_of_a_renewal_whether_it_is_ours_waits_for_nobody() -> None:
    """Credentials that came while a renewal waited for them ask so, in the same thread."""

    class Asking(Bucket):
        asks = False

        def put_if(
            self, bucket: str, key: str, body: bytes, *, etag: str | None, notes: Mapping[str, str] | None = None
        ) -> str | None:
            if self.asks:
                self.asks = False
                held.ensure()
            return super().put_if(bucket, key, body, etag=etag, notes=notes)

    bucket, clock = Asking(), Clock()
    held = lock(bucket, clock, "one")
    held.acquire()
    clock.sleep(LEASE_SECONDS + 1)
    bucket.asks = True
    thread = threading.Thread(target=held.ensure, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    held.ensure()


@pytest.mark.parametrize(
    "forged",
    [
        {"acquired": 1e300}, {"expires": float("nan")}, {"expires": float("inf")}, {"owner": ["x"]}, {"command": 1},
        {"id": {}},
    ],
)  # fmt: skip
def test_what_somebody_wrote_in_the_locks_place_is_no_lease_unless_it_can_be_told(forged: dict[str, object]) -> None:
    whole = {"owner": "ann@desk", "id": "1", "command": "opsctl deploy", "acquired": 1.0, "expires": 2.0}
    assert found(StoredObject(json.dumps(whole).encode(), '"1"')) is not None
    assert found(StoredObject(json.dumps({**whole, **forged}).encode(), '"1"')) is None
