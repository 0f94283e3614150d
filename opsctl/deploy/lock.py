"""One deploy per environment at a time: a lease in the artifact bucket, taken and renewed by conditional writes.

A lease that is not renewed runs out, so a killed deploy blocks the next one for `LEASE_SECONDS` at most.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
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


class CancelledError(OpsctlError):
    """Somebody ended this from another terminal, by `opsctl cancel`."""

    code = "cancelled"


@dataclass(frozen=True, slots=True)
class Run:
    """One command of a person. `id` names it in change sets, tasks, journal, lock and release record."""

    id: str
    owner: str
    command: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the lock. Times are seconds since the epoch. `cancelled` is who wants it to stop, or ""."""

    owner: str
    id: str
    command: str
    acquired: float
    expires: float
    cancelled: str = ""

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
        self._cancelled = ""
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

    def cancelled_by(self) -> str:
        """Who cancelled this, as the lease says now; "" when nobody did, or it can't be read."""
        with suppress(AwsError):
            stored = self._store.get(self._bucket, self._key)
            held = _parse(stored) if stored else None
            if held is not None and held.id == self._lease.id:
                self._cancelled = held.cancelled
        return self._cancelled

    @contextmanager
    def naming_who_cancelled(self) -> Iterator[None]:
        """A failure inside that somebody wanted is told as such, with what it looked like from here."""
        try:
            yield
        except OpsctlError as error:
            who = self.cancelled_by()
            if not who:
                raise
            raise CancelledError(
                f"{who} cancelled `{self._lease.command}` of {self._environment}.",
                detail=() if isinstance(error, CancelledError) else (error.message,),
                hint=f"See `opsctl status --env {self._environment}`; `opsctl deploy` goes on from there.",
            ) from error

    def ensure(self) -> None:
        """Raise LockLostError unless the lease is still ours, CancelledError once somebody wants us to stop. Called
        before every write.
        """
        if self._cancelled:
            raise CancelledError(
                f"{self._cancelled} cancelled this, so it stopped before its next change.",
                hint=f"See `opsctl status --env {self._environment}`.",
            )
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
        held = _parse(stored) if stored else None
        if held is not None and held.id == self._lease.id:  # whoever cancelled us has written it last
            self._store.delete(self._bucket, self._key)

    def _write(self, etag: str | None) -> str | None:
        expires = self._clock() + LEASE_SECONDS
        lease = replace(self._lease, expires=expires, cancelled=self._cancelled)
        written = self._store.put_if(self._bucket, self._key, _body(lease), etag=etag)
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
        self._expires, self._cancelled = held.expires, held.cancelled
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


def mark_cancelled(store: S3, bucket: str, env: Environment, lease: Lease, *, by: str) -> bool:
    """Write into a lease that its holder shall stop; answers False when another, or nobody, holds it by now."""
    key = lock_key(artifact_folder(env))
    for _ in range(5):  # its holder renews it
        stored = store.get(bucket, key)
        held = _parse(stored) if stored else None
        if stored is None or held is None or held.id != lease.id:
            return False
        body = _body(replace(held, cancelled=by))
        if store.put_if(bucket, key, body, etag=stored.etag) is not None:
            return True
    raise BusyError(f"The lock of {env.name} changes all the time.", hint="Run the command again.")


def _body(lease: Lease) -> bytes:
    """What is only sometimes said is left out otherwise: an older opsctl takes no lease with names it does not know."""
    return json.dumps({name: value for name, value in asdict(lease).items() if name != "cancelled" or value}).encode()


def _parse(stored: StoredObject) -> Lease | None:
    try:
        return Lease(**json.loads(stored.body))
    except (ValueError, TypeError):
        return None  # not a lease: whoever wrote it does not hold the lock
