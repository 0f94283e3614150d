"""What RDS does with a token: recompute its SigV4 signature from the secret key, by hand and not with botocore.

Sources: AWS General Reference, "Signature Version 4 signing process" (query string form), and Amazon RDS User Guide,
"IAM database authentication": service `rds-db`, action `connect`, valid for 15 minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

LIFE_SECONDS = 900
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Identity:
    """Whose keys these are, and which database users its policy lets it be (`rds-db:connect`)."""

    secret: str
    users: frozenset[str]
    session_token: str = ""


@dataclass
class Verifier:
    """Decides about (user, password).

    `addresses` are the host:port that tokens may be signed for; `now` gives epoch seconds.
    """

    region: str
    addresses: frozenset[str]
    identities: dict[str, Identity]
    now: Callable[[], float]
    accepted: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, user: str, password: str) -> bool:
        """Whether `password` is a token that lets `user` in now."""
        reason = self.refusal(user, password)
        with self._lock:
            if reason:
                self.refused.append((user, reason))
            else:
                self.accepted.append((user, password))
        return not reason

    def refusal(self, user: str, token: str) -> str:
        """Why it is no good; empty when it is."""
        address, slash, query = token.partition("/?")
        fields = dict(parse_qsl(query, keep_blank_values=True))
        if not slash or "X-Amz-Signature" not in fields:
            return "no token"
        if address not in self.addresses:
            return "signed for another address"
        if fields.get("Action") != "connect" or fields.get("DBUser") != user:
            return "signed for another user"
        key, day, region, service, end = (fields["X-Amz-Credential"].split("/") + [""] * 5)[:5]
        identity = self.identities.get(key)
        if identity is None:
            return "unknown access key"
        if (region, service, end) != (self.region, "rds-db", "aws4_request"):
            return "wrong scope"
        if fields.get("X-Amz-Security-Token", "") != identity.session_token:
            return "wrong session token"
        made = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        lives = min(int(fields["X-Amz-Expires"]), LIFE_SECONDS)
        if not made - 300 <= self.now() <= made + lives:
            return "expired"
        if not hmac.compare_digest(self._signature(identity.secret, address, day, fields), fields["X-Amz-Signature"]):
            return "wrong signature"
        return "" if user in identity.users else "not allowed to be this user"

    def _signature(self, secret: str, address: str, day: str, fields: dict[str, str]) -> str:
        signed = {name: value for name, value in fields.items() if name != "X-Amz-Signature"}
        query = "&".join(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(signed.items())
        )
        request = f"GET\n/\n{query}\nhost:{address}\n\nhost\n{_EMPTY}"
        scope = f"{day}/{self.region}/rds-db/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{fields['X-Amz-Date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"AWS4{secret}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
