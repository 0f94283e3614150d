"""Who asks the registry: `Basic` with a login, or `Bearer` with a token of the service that the registry names."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from opsctl.images.errors import RegistryRefusedError

if TYPE_CHECKING:
    from opsctl.images.registry.answer import Answer

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
# What may stand in a header [RFC 9110, token68]: a line's end would begin another one.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=:-]+")


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """User and password, or the identity token that a registry gave in their place; secrets never show."""

    user: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


Credentials = Callable[[], RegistryLogin | None]
"""Answers the login of now: asked again when the registry says that the last one has expired."""


FetchToken = Callable[[str, Mapping[str, str], Mapping[str, str] | None], "Answer"]
"""Asks a token service at a URL with headers: by GET, or by POST of a form."""


class Authenticator:
    """Remembers the header that each scope (`repository:NAME:pull,push`) was let in with."""

    def __init__(self, credentials: Credentials, fetch_token: FetchToken) -> None:
        self._credentials = credentials
        self._fetch_token = fetch_token
        self._headers: dict[str, str] = {}
        self._lock = threading.Lock()

    def header(self, scope: str) -> str | None:
        """What let us in last time."""
        with self._lock:
            return self._headers.get(scope)

    def answer(self, challenge: str, scope: str, *, refused: str | None) -> str | None:
        """The header to try next after a 401 to `refused`; None when there are no credentials for it.

        Several threads may be refused at once when a token expires: the first gets a new one for all.
        Raises RegistryRefusedError when a token service does not know us.
        """
        with self._lock:
            known = self._headers.get(scope)
            if known is not None and known != refused:
                return known
            found = self._new(challenge, scope)
            if found is not None:
                self._headers[scope] = found
            return found

    def _new(self, challenge: str, scope: str) -> str | None:
        login = self._credentials()
        kind, _, rest = challenge.strip().partition(" ")
        if kind.lower() != "bearer":
            known = kind.lower() in {"basic", ""}
            return login.basic if known and login and not login.identity_token else None
        given = dict(_PARAMETER.findall(rest))
        realm, wanted = (
            given.get("realm", ""),
            {"service": given.get("service", ""), "scope": given.get("scope") or scope},
        )
        if login is not None and login.identity_token:
            # https://distribution.github.io/distribution/spec/auth/oauth/
            form = {
                "grant_type": "refresh_token",
                "refresh_token": login.identity_token,
                "client_id": "opsctl",
                **wanted,
            }
            answer = self._fetch_token(realm, {}, form)
        else:
            separator = "&" if "?" in realm else "?"
            headers = {"Authorization": login.basic} if login else {}
            answer = self._fetch_token(f"{realm}{separator}{urlencode(wanted)}", headers, None)
        token = _token(answer.body) if answer.status == 200 else None
        if token is None:
            raise RegistryRefusedError(
                f"The registry's token service answered {answer.status} instead of a token.",
                hint="Check user and password.",
            )
        return f"Bearer {token}"


def _token(body: bytes) -> str | None:
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = values.get("token") or values.get("access_token") if isinstance(values, dict) else None
    return found if isinstance(found, str) and _TOKEN.fullmatch(found) else None
