"""What the emulator's servers have in common: a request's parts as ministack takes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from opsctl.local.state import Json

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Json]]
Send = Callable[[Json], Awaitable[None]]


def headers_of(scope: Scope) -> dict[str, str]:
    """Headers by name in lower case; those that came more than once are joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope.get("headers", []):
        name, value = raw_name.decode("latin-1").lower(), _decoded(raw_value)
        if name in headers:
            value = headers[name] + ("; " if name == "cookie" else ", ") + value
        headers[name] = value
    return headers


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def raw_path(scope: Scope) -> str:
    """The path as it was sent."""
    return str((scope.get("raw_path") or b"").decode("latin-1").partition("?")[0])


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; None when the client is gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def with_body(body: bytes, receive: Receive) -> Receive:
    """What an application gets to read of a body that was read before."""
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def once() -> Json:
        return unread.pop() if unread else await receive()

    return once
