"""Who may get a registry's login: the registry itself, and the token service that it names if that is a kin of it.

A challenge (`WWW-Authenticate: Bearer realm=…`) is an answer like any other, and whoever can write one could have the
login sent to a host of his own. [containerd CVE-2020-15157] A host's owner decides who gets the names below it, so a
login may go up and down that line: registry.gitlab.com's to gitlab.com, as GitLab wants it. Names side by side may be
two strangers' (a.azurecr.io, b.azurecr.io). ghcr.io, quay.io, ECR, Azure and Google have it on the registry's own host.
"""

from __future__ import annotations

import os
import re
from urllib.parse import SplitResult, urlsplit

from opsctl.images.errors import RegistryError, RegistryRefusedError
from opsctl.images.names import is_loopback

TOKEN_SERVERS_VARIABLE = "OPSCTL_TOKEN_SERVERS"  # noqa: S105  (a name)
"""Token services that a person allows: `REGISTRY=HOST`, with commas between."""

_KNOWN = {"registry-1.docker.io": {"auth.docker.io"}}
# No user, no backslash, nothing that two readers of a URL could take for two hosts.
_PLACE = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
Origin = tuple[str, str, int | None]


def origin(url: str) -> Origin:
    """Scheme, host and port, the port also where it goes without saying. Raises RegistryRefusedError without one."""
    parts = _parts(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def check_way(registry: str, url: str) -> None:
    """Raise RegistryError unless nobody can read what is sent to `url`, on behalf of a registry's own URL."""
    scheme, host, _ = origin(url)
    if scheme == "https" or (scheme == "http" == origin(registry)[0] and is_loopback(host)):
        return
    raise RegistryError(f"The registry sends its users to {url}, which is not encrypted.", code="not-encrypted")


def check_realm(registry: str, realm: str) -> None:
    """Raise RegistryRefusedError unless the login for a registry's URL may go to the realm that it names."""
    asked, named = origin(registry)[1], origin(realm)[1]
    if named == asked or named in _KNOWN.get(asked, set()) or _kin(asked, named) or (asked, named) in _allowed():
        return
    raise RegistryRefusedError(
        f"The registry {asked} wants its login sent to {named}, which is not known to belong to it: nothing was sent.",
        code="foreign-realm",
        hint=f"If {named} is its token service, say so: {TOKEN_SERVERS_VARIABLE}={asked}={named}.",
    )


def _kin(one: str, other: str) -> bool:
    """Whether one host's name is that of the other with something before it. A name of one label is nobody's, and
    addresses have no kin.
    """
    long, short = (one, other) if len(one) > len(other) else (other, one)
    return "." in short and long.endswith(f".{short}") and not short.rpartition(".")[2].isdigit()


def _allowed() -> set[tuple[str, str]]:
    pairs = os.environ.get(TOKEN_SERVERS_VARIABLE, "").lower().replace(" ", "").split(",")
    return {(registry, host) for registry, _, host in (pair.partition("=") for pair in pairs) if host}


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        fits = _PLACE.fullmatch(parts.netloc) is not None and (parts.port or 1) > 0 and url.isascii()
    except ValueError:
        fits = False
    if not fits or any(sign.isspace() for sign in url) or "\\" in url:
        raise RegistryRefusedError(
            f"The registry names {url[:200]!r}, which is no address that anything could be sent to.",
            code="foreign-realm",
        )
    return parts
