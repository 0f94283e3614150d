"""Keep web pages away from the emulator's API.

The emulator asks nobody for credentials, and its ECS runs commands on this machine. Programs of this user may do that
anyway; a page in this user's browser must not. NOTE: ministack itself allows every origin (CORS `*`) and every Host.

Browsers tell on pages: requests from another origin carry `Origin` or `Sec-Fetch-Site`, and a name that an attacker
points at 127.0.0.1 (DNS rebinding) arrives as `Host`. SDKs and the AWS CLI send neither of the first two.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "[::1]")
# Names under which emulated data planes are addressed; nobody else can register names there.
_AWS_SUFFIXES = (".localhost", ".amazonaws.com", ".cloudfront.net", ".on.aws")
_OWN_SITE = ("none", "same-origin")


def refusal(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Why a request with these headers is refused, as a sentence; empty when it is not."""
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    host = found.get("host", "")
    if not _is_ours(host):
        return f"This emulator does not answer for the host {host!r}."
    if "origin" in found and urlsplit(found["origin"]).netloc != host:
        return f"This emulator does not answer pages of {found['origin']}."
    if found.get("sec-fetch-site", "none") not in _OWN_SITE:
        return "This emulator does not answer pages of other sites."
    return ""


def _is_ours(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.lower()
    return name in _LOOPBACK or name.endswith(_AWS_SUFFIXES) or _is_loopback_address(name)


def _is_loopback_address(name: str) -> bool:
    parts = name.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdigit() for part in parts)
