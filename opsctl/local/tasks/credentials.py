"""The credentials endpoint of ECS: each task gets a key of its own, which is good until it ends.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from opsctl.local.keys import AccessKey, Keys
from opsctl.local.state import Json

_LIFE = timedelta(hours=6)  # as ECS says; SDKs ask again before


class TaskCredentials:
    """Hands out keys by the address and the token that ministack's ECS put into a container's environment."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._handed: dict[str, tuple[str, AccessKey]] = {}

    def open(self, environment: Mapping[str, str]) -> Callable[[], None]:
        """Make a key for the container with this environment; the answer takes it back."""
        path = urlsplit(environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")).path
        key = self._keys.issue(task=True)
        self._handed[path] = (environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", ""), key)

        def close() -> None:
            self._handed.pop(path, None)
            self._keys.revoke(key)

        return close

    def answer(self, path: str, authorization: str) -> Json | None:
        """What the endpoint answers there; None for a wrong token."""
        token, key = self._handed.get(path, ("", None))
        if key is None or not token or not hmac.compare_digest(token.encode(), authorization.encode()):
            return None
        until = (datetime.now(UTC) + _LIFE).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"AccessKeyId": key.id, "SecretAccessKey": key.secret, "Token": key.token, "Expiration": until}
