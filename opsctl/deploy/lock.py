"""One deploy per environment at a time: a lease in the artifact bucket, taken and renewed by conditional writes.

A lease that is not renewed runs out, so a killed deploy blocks another machine for `LEASE_SECONDS` at most, and this
one not at all. Its age is told by the clock of S3: nobody's own clock takes a lock away or keeps one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.config.naming import artifact_folder, lock_key
from opsctl.deploy.lease import LEASE_SECONDS, Held, Lease, cancelling, found, holder_notes, read_lease
from opsctl.errors import BusyError, OpsctlError
from opsctl.leaving import on_abrupt_end

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3
    from opsctl.config.models import Environment

RENEW_SECONDS = 20.0
_ASK_SECONDS = 5.0
_TOLD_SECONDS = 300.0
_TRIES = 5
# Seconds after each try to give the lease back, the SDK's own included: who waits for it waits longer than that.
_RELEASE_PAUSES = (1.0, 3.0, 0.0)


class LockLostError(OpsctlError):
    """Someone took the lock over, so nothing more may be written."""

    code = "lock-lost"


class CancelledError(OpsctlError):
    """Somebody wants this command to stop, and wrote that into its lease."""

    code = "cancelled"


@dataclass(frozen=True, slots=True)
class Run:
    """One command of a person. `id` names it in change sets, tasks, journal, lock and release record."""

    id: str
    owner: str
    command: str


class Lock:
    """`with Lock(…):` holds the lease and renews it in the background; `ensure` raises once it is lost.

    `waited` tells whether somebody else held it first, so that what was read before may be another now.
    """

    def __init__(
        self,
        store: S3,
        bucket: str,
        env: Environment,
        run: Run,
        *,
        clock: Callable[[], float],
        renew_seconds: float = RENEW_SECONDS,
        wait_seconds: float = 0.0,
        tell: Callable[[str], None] = lambda _: None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """`wait_seconds`: for how long somebody else's end is waited for; `tell` hears who that is."""
        self._store = store
        self._bucket = bucket
        self._env = env
        self._key = lock_key(artifact_folder(env))
        self._clock = clock
        self._renew_seconds = renew_seconds
        self._wait_seconds = wait_seconds
        self._tell = tell
        self._lease = Lease(run.owner, run.id, run.command, clock(), 0.0)
        self._notes = holder_notes()
        self._etag: str | None = None
        self._sent = False
        self._stop = threading.Event()
        self._pause = pause or threading.Event().wait
        # A thread may come here again while it is in here: waiting for new credentials asks whether the lock is ours.
        self._guard = threading.RLock()
        self._lost = self._abandoned = False
        self._cancelled = ""
        self._expires = 0.0
        self._thread: threading.Thread | None = None
        self._exits = ExitStack()
        self.waited = False

    def __enter__(self) -> Lock:
        # Before the first write: a signal may come while its answer is on the way.
        self._exits.enter_context(on_abrupt_end(self._abandon))
        try:
            self.acquire()
            self._thread = threading.Thread(target=self._keep, name="lock", daemon=True)
            self._thread.start()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._leave()
        except KeyboardInterrupt:  # the first: a second one ends the process
            self._leave()
            raise

    def _leave(self) -> None:
        self._stop.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()
        with self._exits:
            for pause in _RELEASE_PAUSES:
                # What happened inside the block counts; a lease that can't be given back runs out by itself.
                with suppress(AwsError):
                    self.release()
                    break
                self._pause(pause)

    def acquire(self) -> None:
        """Take the lease. Raises BusyError while someone else's has not run out, after `wait_seconds` of that."""
        self._check_earlier()
        end = self._clock() + self._wait_seconds
        known, told = "", 0.0
        tries = 0
        while True:
            stored = self._store.get(self._bucket, self._key)
            held = found(stored)
            if held is not None and held.lease.id != self._lease.id and not self._is_free(held):
                if self._clock() >= end:
                    raise self._busy(held)
                self.waited = True
                if held.lease.id != known or self._clock() - told >= _TOLD_SECONDS:
                    known, told = held.lease.id, self._clock()
                    self._tell(f"Waiting for the lock of {self._env.name}: {held.lease.who()} holds it.")
                self._pause(min(_ASK_SECONDS, max(0.1, end - self._clock())))
                continue
            self._etag = self._write(stored.etag if stored else None)
            if self._etag is not None:
                return
            tries += 1  # somebody was quicker, whom the next look names
            if tries == _TRIES:
                raise BusyError(
                    f"Several deploys of {self._env.name} start at once.", hint="Run this one again in a minute."
                )
            self._pause(0.1 * tries)

    def _is_free(self, held: Held) -> bool:
        if held.left(self._server_time()) <= 0:
            return True
        if not held.is_orphan:
            return False
        self._tell(
            f"{held.lease.who()} ended on this machine without giving the lock of {self._env.name} back; "
            "it is taken over."
        )
        return True

    def _busy(self, held: Held) -> BusyError:
        left = max(0, round(held.left(self._server_time())))
        waited = f" after {self._wait_seconds / 60:.0f} minutes of waiting" if self._wait_seconds else ""
        return BusyError(
            f"Another command works on {self._env.name}{waited}: {held.lease.who()}; its lease runs {left} s more.",
            hint="Wait for it (`opsctl deploy --wait MINUTES` queues). If it is dead: `opsctl unlock --env "
            f"{self._env.name}`.",
        )

    def _server_time(self) -> float:
        return self._clock() + self._store.ahead

    def _check_earlier(self) -> None:
        """An older opsctl locks by the environment's name alone, whatever the project."""
        held = found(self._store.get(self._bucket, lock_key(self._env.name)))
        if held is not None and held.left(self._server_time()) > 0:
            left = max(0, round(held.left(self._server_time())))
            raise BusyError(
                f"A deploy of {self._env.name} by an earlier opsctl is running: {held.lease.who()}; its lease runs "
                f"{left} s more.",
                hint=f"Wait for it; if it is dead, its lock runs out in {LEASE_SECONDS:g} seconds at most. It does not "
                "see this opsctl's lock: use one version for a project.",
            )

    def cancelled_by(self) -> str:
        """Who cancelled this, as the lease says now; "" when nobody did, or it can't be read."""
        with suppress(AwsError):
            held = found(self._store.get(self._bucket, self._key))
            if held is not None and held.lease.id == self._lease.id:
                self._cancelled = held.cancelled
        return self._cancelled

    @contextmanager
    def naming_who_cancelled(self) -> Iterator[None]:
        """A failure that came of a cancelled command is told as that, with what it looked like from here."""
        try:
            yield
        except OpsctlError as error:
            who = self.cancelled_by()
            if not who:
                raise
            raise CancelledError(
                f"{who} cancelled `{self._lease.command}` of {self._env.name}.",
                detail=() if isinstance(error, CancelledError) else (error.message,),
                hint=f"See `opsctl status --env {self._env.name}`; `opsctl deploy` goes on from there.",
            ) from error

    def ensure(self) -> None:
        """Raise LockLostError unless the lease is still ours, CancelledError once somebody wants us to stop. Called
        before every write.
        """
        if self._cancelled:
            raise CancelledError(
                f"{self._cancelled} cancelled this, so it stopped before its next change.",
                hint=f"See `opsctl status --env {self._env.name}`.",
            )
        if not self._lost and self._clock() > self._expires:
            self._confirm()
        if self._lost or self._abandoned:
            raise self._gone()

    def _confirm(self) -> None:
        """After a time without renewals (no network, no credentials, asleep) the bucket says whose the lock is."""
        try:
            self._renew_once()
        except AwsError as error:
            raise LockLostError(
                f"The lock of {self._env.name} could not be renewed in time ({error.message.rstrip('.')}), so the "
                "deploy stopped before its next change.",
                hint=f"See `opsctl status --env {self._env.name}`, then deploy again.",
            ) from error

    def _gone(self) -> LockLostError:
        by = ""
        with suppress(AwsError):
            held = read_lease(self._store, self._bucket, self._env)
            by = f" to {held.who()}" if held is not None and held.id != self._lease.id else ""
        return LockLostError(
            f"The lock of {self._env.name} was lost{by}, so the deploy stopped before its next change.",
            hint=f"See `opsctl status --env {self._env.name}`, then deploy again.",
        )

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        if self._lost or not self._sent:
            return
        held = found(self._store.get(self._bucket, self._key))
        # By its id: the answer to our last write, with its ETag, may never have come.
        if held is not None and held.lease.id == self._lease.id:
            self._store.delete(self._bucket, self._key)
        self._sent = False

    def _abandon(self) -> None:
        """Give it back from another thread than the one that is interrupted; from now on no step writes any more."""
        self._stop.set()
        self._abandoned = True
        self.release()

    def _write(self, etag: str | None) -> str | None:
        expires = self._server_time() + LEASE_SECONDS
        if not self._sent:
            self._lease = replace(self._lease, acquired=self._server_time())
        lease = replace(self._lease, expires=expires)
        self._sent = True
        notes = {**self._notes, **cancelling(self._cancelled)}
        before = self._clock()
        written = self._store.put_if(self._bucket, self._key, lease.to_bytes(), etag=etag, notes=notes)
        if written is not None:
            self._expires = before + LEASE_SECONDS
        return written

    def renew(self) -> str | None:
        """Extend the lease; returns its new ETag, or None when somebody else has it. Raises AwsError."""
        renewed = self._write(self._etag)
        if renewed is not None:
            return renewed
        # The SDK repeats a request whose answer was lost, and the repetition fails at the first one's success.
        held = found(self._store.get(self._bucket, self._key))
        if held is None or held.lease.id != self._lease.id:
            return None
        self._expires, self._cancelled = self._clock() + held.left(self._server_time()), held.cancelled
        return held.etag

    def _renew_once(self) -> None:
        """Renew, or note that it is lost. The heartbeat and whoever is about to write may both be at it."""
        with self._guard:
            if self._stop.is_set():
                return
            renewed = self.renew()
            if renewed is None:
                self._lost = True
            else:
                self._etag = renewed

    def _keep(self) -> None:
        while not self._lost and not self._stop.wait(self._renew_seconds):
            with suppress(AwsError):  # the network may come back before the lease runs out; `ensure` watches that
                self._renew_once()


def break_lock(store: S3, bucket: str, env: Environment) -> Lease | None:
    """Remove whatever lease there is; returns it."""
    lease = read_lease(store, bucket, env)
    if lease is not None:
        store.delete(bucket, lock_key(artifact_folder(env)))
    return lease
