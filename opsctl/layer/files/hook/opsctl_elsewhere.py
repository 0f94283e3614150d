"""A file that this task lacks is asked of another: while a deploy rolls, tasks of two releases answer side by side.

A page of one release names files that only its own tasks may have. Whoever asks a task of the other one for them is
sent to the same address again, where the load balancer takes another task sooner or later. Standard library only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from opsctl_requests import scope_header, scope_path  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Iterable

# Of two tasks the wrong one is met so often in a row once in 32,768 times; browsers follow 16 to 20.
TIMES = 15
AGAIN = re.compile(r"(?:^|&)opsctl-again=(\d{1,2})$")
STATUS, LINE = 307, "307 Temporary Redirect"


def next_query(method: str, query: str, *, page: bool) -> str | None:
    """The query to ask with next; None when it was asked often enough, or no page asks.

    `page` is whether a page's address or a browser's word for what it wants came with the request: whoever types an
    address, or tries many, is told 404 at once.
    """
    # What stands in the query goes back in a header.
    if not page or method not in {"GET", "HEAD"} or re.fullmatch(r"[!-~]*", query) is None:
        return None
    found = AGAIN.search(query)
    asked = int(found[1]) if found else 0
    kept = query[: found.start()] if found else query
    return None if asked >= TIMES else f"{kept}{'&' if kept else ''}opsctl-again={asked + 1}"


def headers(query: str) -> list[tuple[str, str]]:
    """A reference to the address that was asked for, whose path no client can choose; nobody may keep the answer."""
    return [("Location", f"?{query}"), ("Content-Length", "0"), ("Cache-Control", "no-store")]


def by_page(referer: str | None, destination: str | None) -> bool:
    """Whether a page asks: browsers send one of both, and over TLS always the second."""
    return destination != "document" and bool(referer or destination)


class WsgiElsewhere:
    """Around a WSGI application: of what it does not find below `prefix`, another task is asked."""

    def __init__(self, application: Any, prefix: str) -> None:
        self._application = application
        self._prefix = prefix

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """One request."""
        query = self._next(environ)
        if query is None:
            plain: Iterable[bytes] = self._application(environ, start_response)
            return plain
        state = {"early": True, "lacks": False}

        def begin(status: str, sent: list[tuple[str, str]], *rest: Any) -> Any:
            # One that answers only while it is read has a body on the way, which has to fit its headers.
            if state["early"] and status.startswith("404"):
                state["lacks"] = True
                status, sent = LINE, headers(query)
            return start_response(status, sent, *rest)

        answer: Iterable[bytes] = self._application(environ, begin)
        state["early"] = False
        if not state["lacks"]:
            return answer
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        return []

    def _next(self, environ: dict[str, Any]) -> str | None:
        if not environ.get("PATH_INFO", "").startswith(self._prefix):
            return None
        page = by_page(environ.get("HTTP_REFERER"), environ.get("HTTP_SEC_FETCH_DEST"))
        return next_query(environ.get("REQUEST_METHOD", ""), environ.get("QUERY_STRING", ""), page=page)


class AsgiElsewhere:
    """The same for ASGI."""

    def __init__(self, application: Any, prefix: str) -> None:
        self._application = application
        self._prefix = prefix

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """One connection."""
        query = self._next(scope)
        if query is None:
            await self._application(scope, receive, send)
            return
        lacks = False

        async def send_or_again(event: dict[str, Any]) -> None:
            nonlocal lacks
            if event["type"] == "http.response.start" and event["status"] == 404:
                lacks = True
                pairs = [(name.lower().encode(), value.encode()) for name, value in headers(query)]
                await send({"type": "http.response.start", "status": STATUS, "headers": pairs})
                await send({"type": "http.response.body", "body": b""})
            elif not lacks:
                await send(event)

        await self._application(scope, receive, send_or_again)

    def _next(self, scope: dict[str, Any]) -> str | None:
        if scope["type"] != "http" or not scope_path(scope).startswith(self._prefix):
            return None
        page = by_page(scope_header(scope, b"referer"), scope_header(scope, b"sec-fetch-dest"))
        return next_query(scope["method"], scope.get("query_string", b"").decode("latin-1"), page=page)
