"""One deploy per environment at a time: a lease in the artifact bucket, taken and renewed by conditional writes.

A lease that is not renewed runs out, so a killed deploy blocks the next one for `LEASE_SECONDS` at most.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.aws.s3 import StoredObject
from opsctl.config.naming import artifact_folder, lock_key
from opsctl.errors import BusyError, OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3
    from opsctl.config.models import Environment

LEASE_SECONDS = 90.0
RENEW_SECONDS = 20.0


class LockLostError(OpsctlError):
    """Someone took the lock over, so nothing more may be written."""

    code = "lock-lost"


@dataclass(frozen=True, slots=True)
class Run:
    """One command of a person. `id` names it in change sets, tasks, journal, lock and release record."""

    id: str
    owner: str
    command: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the lock. Times are seconds since the epoch."""

    owner: str
    id: str
    command: str
    acquired: float
    expires: float

    def describe(self, now: float) -> str:
        """`alice@laptop (opsctl deploy --env dev), since 12:04 UTC, renewed until 12:09 UTC`."""
        since = datetime.fromtimestamp(self.acquired, UTC).strftime("%H:%M UTC")
        left = max(0, round(self.expires - now))
        return f"{self.owner} ({self.command}) since {since}; its lease runs {left} s more"


def read_lease(store: S3, bucket: str, env: Environment) -> Lease | None:
    """The lease as it stands, run out or not."""
    stored = store.get(bucket, lock_key(artifact_folder(env)))
    return _parse(stored) if stored else None


class Lock:
    """`with Lock(…):` holds the lease and renews it in the background; `ensure` raises once it is lost."""

    def __init__(
        self,
        store: S3,
        bucket: str,
        env: Environment,
        run: Run,
        *,
        clock: Callable[[], float],
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._environment = env.name
        self._key = lock_key(artifact_folder(env))
        self._clock = clock
        self._renew_seconds = renew_seconds
        self._lease = Lease(run.owner, run.id, run.command, clock(), 0.0)
        self._etag: str | None = None
        self._stop = threading.Event()
        self._lost = False
        self._expires = 0.0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Lock:
        self.acquire()
        self._thread = threading.Thread(target=self._keep, name="lock", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        # What happened inside the block counts; a lease that can't be given back runs out by itself.
        with suppress(AwsError):
            self.release()

    def acquire(self) -> None:
        """Take the lease. Raises BusyError while someone else's has not run out."""
        self._check_earlier()
        for _ in range(3):
            stored = self._store.get(self._bucket, self._key)
            held = _parse(stored) if stored else None
            now = self._clock()
            if held is not None and held.id != self._lease.id and held.expires > now:
                raise BusyError(
                    f"Another deploy of {self._environment} is running: {held.describe(now)}.",
                    hint=f"Wait for it. If it is dead: `opsctl unlock --env {self._environment}`.",
                )
            self._etag = self._write(stored.etag if stored else None)
            if self._etag is not None:
                return
        raise BusyError(
            f"Several deploys of {self._environment} start at once.", hint="Run this one again in a minute."
        )

    def _check_earlier(self) -> None:
        """An opsctl that has not been renewed yet locks by the environment's name, whatever the project."""
        stored = self._store.get(self._bucket, lock_key(self._environment))
        held, now = _parse(stored) if stored else None, self._clock()
        if held is not None and held.expires > now:
            raise BusyError(
                f"A deploy of {self._environment} by an earlier opsctl is running: {held.describe(now)}.",
                hint=f"Wait for it; if it is dead, its lock runs out in {LEASE_SECONDS:g} seconds at most. It does not "
                "see this opsctl's lock: use one version for a project.",
            )

    def ensure(self) -> None:
        """Raise LockLostError unless the lease is still ours. Called before every write."""
        if self._lost or self._clock() > self._expires:
            raise LockLostError(
                f"The lock of {self._environment} was lost, so the deploy stopped before its next change.",
                hint=f"See `opsctl status --env {self._environment}`, then deploy again.",
            )

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        if self._lost or self._etag is None:
            return
        stored = self._store.get(self._bucket, self._key)
        if stored is not None and stored.etag == self._etag:
            self._store.delete(self._bucket, self._key)

    def _write(self, etag: str | None) -> str | None:
        expires = self._clock() + LEASE_SECONDS
        lease = Lease(self._lease.owner, self._lease.id, self._lease.command, self._lease.acquired, expires)
        written = self._store.put_if(self._bucket, self._key, json.dumps(asdict(lease)).encode(), etag=etag)
        if written is not None:
            self._expires = expires
        return written

    def renew(self) -> str | None:
        """Extend the lease; returns its new ETag, or None when somebody else has it. Raises AwsError."""
        renewed = self._write(self._etag)
        if renewed is not None:
            return renewed
        # The SDK repeats a request whose answer was lost, and the repetition fails at the first one's success.
        stored = self._store.get(self._bucket, self._key)
        held = _parse(stored) if stored else None
        if stored is None or held is None or held.id != self._lease.id:
            return None
        self._expires = held.expires
        return stored.etag

    def _keep(self) -> None:
        while not self._stop.wait(self._renew_seconds):
            try:
                renewed = self.renew()
            except AwsError:
                continue  # the network may come back before the lease runs out; `ensure` watches that
            if renewed is None:
                self._lost = True
                return
            self._etag = renewed


def break_lock(store: S3, bucket: str, env: Environment) -> Lease | None:
    """Remove whatever lease there is; returns it."""
    lease = read_lease(store, bucket, env)
    if lease is not None:
        store.delete(bucket, lock_key(artifact_folder(env)))
    return lease


def _parse(stored: StoredObject) -> Lease | None:
    try:
        return Lease(**json.loads(stored.body))
    except (ValueError, TypeError):
        return None  # not a lease: whoever wrote it does not hold the lock
