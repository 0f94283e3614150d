"""IAM database tokens: presigned requests, made locally, reused for ten minutes.

A token is valid for 15 minutes and checked at connect only (Amazon RDS User Guide, "IAM database authentication"). One
made at process start would lock the service out after 15 minutes, so each new connection asks here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
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
    """Tokens by endpoint; `clock` counts seconds and never jumps back, `sign` makes a new token."""

    def __init__(self, *, sign: Signer, clock: Callable[[], float]) -> None:
        self._sign = sign
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[Endpoint, tuple[float, str]] = {}

    def token(self, endpoint: Endpoint) -> str:
        """Return a token for `endpoint` that is at most ten minutes old."""
        with self._lock:
            now = self._clock()
            made, token = self._tokens.get(endpoint, (0.0, ""))
            if not token or now - made >= REUSE_SECONDS:
                token = self._sign(endpoint)
                self._tokens[endpoint] = (now, token)
            return token


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
