"""Keep web pages away from the emulator's API, whatever they could send with it.

Browsers tell on pages: requests from another origin carry `Origin` or `Sec-Fetch-Site`, and a name that an attacker
points at 127.0.0.1 (DNS rebinding) arrives as `Host`. SDKs and the AWS CLI send neither of the first two.
NOTE: ministack itself allows every origin (CORS `*`) and every Host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

_OWN_SITE = ("none", "same-origin")


def refusal(headers: Mapping[str, str], answers: Callable[[str], bool]) -> str:
    """Why a request with these headers is refused, as a sentence; empty when it is not. `answers` judges a Host."""
    host = headers.get("host", "")
    if foreign := foreign_host(host, answers):
        return foreign
    if "origin" in headers and urlsplit(headers["origin"]).netloc != host:
        return f"This emulator does not answer pages of {headers['origin']}."
    if headers.get("sec-fetch-site", "none") not in _OWN_SITE:
        return "This emulator does not answer pages of other sites."
    return ""


def foreign_host(host: str, answers: Callable[[str], bool]) -> str:
    """Why nothing is answered for this Host, as a sentence; empty when it is."""
    return "" if answers(host) else f"This emulator does not answer for the host {host!r}."
