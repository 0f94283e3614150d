"""What the emulator's servers have in common: a request's parts as ministack takes them."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any

from opsctl.local.state import Json

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Json]]
Send = Callable[[Json], Awaitable[None]]


class BodyTooLargeError(Exception):
    """A request's body is more than is kept of it."""


class BodyRoom:
    """How many bytes of bodies are held at one time, those of all requests together. For one event loop."""

    def __init__(self, size: int) -> None:
        self._left = size

    @contextlib.contextmanager
    def hold(self, headers: Mapping[str, str], receive: Receive) -> Iterator[Receive]:
        """What an application reads a body with until it has answered. Raises BodyTooLargeError, as reading does."""
        held = 0

        def take(size: int) -> None:
            nonlocal held
            if size > self._left:
                raise BodyTooLargeError
            self._left -= size
            held += size

        async def counted() -> Json:
            message = await receive()
            take(len(message.get("body", b"")))
            return message

        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._left:
            raise BodyTooLargeError
        try:
            yield counted
        finally:
            self._left += held


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
