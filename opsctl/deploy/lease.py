"""Who holds an environment's lock, as it lies in the artifact bucket.

Every version of opsctl reads the object's body and wants exactly these names in it: with one more or less, an earlier
version would see no lease, and take the lock away from its holder. What was added later stands in the object's
metadata.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from opsctl import host
from opsctl.config.naming import artifact_folder, lock_key
from opsctl.errors import BusyError

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3, StoredObject
    from opsctl.config.models import Environment

LEASE_SECONDS = 90.0
_HOST, _PROCESS, _STARTED = "holder-host", "holder-process", "holder-started"
_CANCELLED = "cancelled-by"
_LAST_YEAR = 253_370_764_800  # 9999


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the lock. Times are seconds since the epoch, by the clock of S3 as far as its holder knew it."""

    owner: str
    id: str
    command: str
    acquired: float
    expires: float

    def describe(self, now: float) -> str:
        """`alice@laptop (opsctl deploy --env dev) since 12:04 UTC; its lease runs 70 s more`."""
        return f"{self.who()}; its lease runs {max(0, round(self.expires - now))} s more"

    def who(self) -> str:
        """`alice@laptop (opsctl deploy --env dev) since 12:04 UTC`."""
        since = datetime.fromtimestamp(self.acquired, UTC).strftime("%H:%M UTC")
        return f"{self.owner} ({self.command}) since {since}"

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as it was found. `age` is seconds since its last renewal by the clock of S3, None where S3 said none."""

    lease: Lease
    etag: str
    age: float | None
    notes: Mapping[str, str]

    def left(self, now: float) -> float:
        """Seconds that it still runs. `now`: the clock of S3 as far as we know it, where its age is not known."""
        return LEASE_SECONDS - self.age if self.age is not None else self.lease.expires - now

    @property
    def cancelled(self) -> str:
        """Who wants its holder to stop; "" when nobody does."""
        return unquote(self.notes.get(_CANCELLED, ""))

    @property
    def is_orphan(self) -> bool:
        """Whether its holder was a process of this machine and runs no more. Of other machines nobody knows."""
        there, number = self.notes.get(_HOST, ""), self.notes.get(_PROCESS, "")
        if not there or not number.isdecimal() or there != host.identity():
            return False
        return host.is_gone(int(number), self.notes.get(_STARTED, ""))


def holder_notes() -> dict[str, str]:
    """This process, for whoever finds its lease; empty where a process can't be told from a later one."""
    there, started = host.identity(), host.start_time(os.getpid())
    return {_HOST: there, _PROCESS: str(os.getpid()), _STARTED: started} if there and started else {}


def found(stored: StoredObject | None) -> Held | None:
    """What lies in the lock's place, if it is a lease; whoever wrote anything else does not hold the lock."""
    if stored is None:
        return None
    try:
        lease = Lease(**json.loads(stored.body))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = all(isinstance(each, str) for each in (lease.owner, lease.id, lease.command))
    sound = texts and _is_time(lease.acquired) and _is_time(lease.expires)
    return Held(lease, stored.etag, stored.age, stored.notes) if sound else None


def _is_time(value: object) -> bool:
    """Whether it can be told as one: JSON also has NaN, and years that no clock shows."""
    return type(value) in {int, float} and math.isfinite(value) and 0 <= value < _LAST_YEAR  # type: ignore[operator, arg-type]


def cancelling(by: str) -> dict[str, str]:
    """The note in a lease that somebody wants its holder to stop; empty where nobody does. Metadata is ASCII."""
    return {_CANCELLED: quote(by)} if by else {}


def read_lease(store: S3, bucket: str, env: Environment) -> Lease | None:
    """The lease as it stands, run out or not."""
    held = found(store.get(bucket, lock_key(artifact_folder(env))))
    return held.lease if held else None


def live_lease(store: S3, bucket: str, env: Environment, now: float) -> Lease | None:
    """The lease that keeps others from the lock; None where the lock could be taken. The clock of S3 says how long it
    still runs; the answer's `expires` is that end by `now`, the clock of this machine.
    """
    held = found(store.get(bucket, lock_key(artifact_folder(env))))
    if held is None or (left := held.left(now + store.ahead)) <= 0 or held.is_orphan:
        return None
    return replace(held.lease, expires=now + left)


def mark_cancelled(store: S3, bucket: str, env: Environment, lease: Lease, *, by: str) -> bool:
    """Write into a lease that its holder shall stop; answers False when another, or nobody, holds it by now."""
    key = lock_key(artifact_folder(env))
    for _ in range(5):  # its holder renews it
        held = found(store.get(bucket, key))
        if held is None or held.lease.id != lease.id:
            return False
        notes = {**held.notes, **cancelling(by)}
        # An ETag is of the content alone: with the same one the holder would write over the note without a look at it.
        # [S3 API, Object.ETag]
        body = held.lease.to_bytes() + b"\n"
        if store.put_if(bucket, key, body, etag=held.etag, notes=notes) is not None:
            return True
    raise BusyError(f"The lock of {env.name} changes all the time.", hint="Run the command again.")
