"""IAM database tokens: presigned requests, made locally, reused for ten minutes by all workers of one server.

A token is valid for 15 minutes and checked at connect only (Amazon RDS User Guide, "IAM database authentication"). One
made at process start would lock the service out after 15 minutes, so each new connection asks here. Nothing here may
import Django: gunicorn's master loads this module, so that its workers inherit `TOKENS`.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.session import Session

REUSE_SECONDS = 600
_EXPIRES_SECONDS = 900


class CredentialsMissingError(Exception):
    """No AWS credentials were found to sign a database token with."""


@dataclass(frozen=True)
class Endpoint:
    """Where a token is good: it is signed for one host, port, user and region."""

    host: str
    port: int
    user: str
    region: str


Signer = Callable[[Endpoint], str]


class TokenCache:
    """Tokens by endpoint, for this process and those that it forks; `clock` is the one that signatures are dated by.

    They lie in memory that has no name, never on a disk. Whoever reads it holds its lock, which the kernel takes back
    from a process that is killed; what such a process left half written is no JSON, so a new token is made.
    """

    def __init__(self, *, sign: Signer, clock: Callable[[], float]) -> None:
        self._sign = sign
        self._clock = clock
        self._memory = os.memfd_create("database tokens")
        self._renew_thread_lock()
        os.register_at_fork(after_in_child=self._renew_thread_lock)

    def token(self, endpoint: Endpoint) -> str:
        """Return a token for `endpoint` that is at most ten minutes old."""
        with self._lock():
            now, tokens, key = self._clock(), self._read(), str(endpoint)
            made, token = tokens.get(key, (0.0, ""))
            # A clock that was set back has left a token of the future, which the server refuses.
            if not token or not 0 <= now - made < REUSE_SECONDS:
                token = self._sign(endpoint)
                self._write({**tokens, key: (now, token)})
            return token

    @contextmanager
    def _lock(self) -> Iterator[None]:
        # NOTE: a lock of lockf belongs to the whole process; flock's would even be shared with forked ones.
        with self._thread_lock:
            fcntl.lockf(self._memory, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._memory, fcntl.LOCK_UN)

    def _renew_thread_lock(self) -> None:
        """Also in a forked process, where the thread that held it doesn't exist."""
        self._thread_lock = threading.Lock()

    def _read(self) -> dict[str, tuple[float, str]]:
        text = os.pread(self._memory, os.fstat(self._memory).st_size, 0)
        try:
            found: dict[str, tuple[float, str]] = json.loads(text)
        except ValueError:
            return {}
        return found

    def _write(self, tokens: dict[str, tuple[float, str]]) -> None:
        os.ftruncate(self._memory, 0)
        os.pwrite(self._memory, json.dumps(tokens).encode(), 0)


class SessionSigner:
    """Signs with the credentials of one botocore session, which also refreshes them when they expire."""

    def __init__(self, session_factory: Callable[[], Session]) -> None:
        self._session_factory = session_factory
        self._session: Session | None = None

    def __call__(self, endpoint: Endpoint) -> str:
        """Return a presigned `connect` request without its scheme, as RDS wants it in place of a password."""
        from botocore.model import ServiceId
        from botocore.signers import RequestSigner

        self._session = self._session or self._session_factory()
        credentials = self._session.get_credentials()
        if credentials is None:
            raise CredentialsMissingError("No AWS credentials were found to sign a database token with (DB_AUTH=iam).")
        signer = RequestSigner(
            ServiceId("rds-db"),
            endpoint.region,
            "rds-db",
            "v4",
            credentials,
            self._session.get_component("event_emitter"),
        )
        # NOTE: boto3's generate_db_auth_token does the same but loads the whole RDS service model (0.3 s, 20 MB).
        query = f"Action=connect&DBUser={_quote(endpoint.user)}"
        request = {
            "url_path": "/",
            "query_string": "",
            "headers": {},
            "body": {},
            "method": "GET",
            "url": f"https://{endpoint.host}:{endpoint.port}/?{query}",
            "context": {},
        }
        url = signer.generate_presigned_url(
            request, operation_name="connect", expires_in=_EXPIRES_SECONDS, region_name=endpoint.region
        )
        return str(url).removeprefix("https://")


def _quote(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _new_session() -> Session:
    from botocore.session import get_session

    return get_session()


TOKENS = TokenCache(sign=SessionSigner(_new_session), clock=time.time)
