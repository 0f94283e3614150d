"""The wrappers around a project's applications: answer a health check, adjust a request, serve static files."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from opsctl_admission import Admission, Limited  # type: ignore[import-not-found]
from opsctl_hook import complain  # type: ignore[import-not-found]
from opsctl_requests import (  # type: ignore[import-not-found]
    Options,
    adjust_environ,
    adjust_scope,
    scope_path,
)
from opsctl_urls import BROKEN, BROKEN_HEADERS, Urls  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

OK = b"ok"
OK_HEADERS = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "2"), ("Cache-Control", "no-store")]


class Wsgi:
    """Around what get_wsgi_application returns; anything else asked of it is asked of the project's application."""

    def __init__(self, application: Any, options: Options | None = None) -> None:
        self.application = application
        self._options = options or Options.read()
        self._urls = Urls()
        self._inner = _limited(application, self._options)
        files = _static_files(self._options)
        if files is not None:
            files.application = self._inner
            self._inner = files
        prefix = _static_prefix(self._options)
        if prefix:
            from opsctl_elsewhere import WsgiElsewhere  # type: ignore[import-not-found]

            self._inner = WsgiElsewhere(self._inner, prefix)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """One request."""
        method = environ.get("REQUEST_METHOD", "")
        if self._options.is_health(method, environ.get("PATH_INFO", "")):
            status, headers, body = _answer(self._urls.ready())
            start_response(status, headers)
            return [body] if method == "GET" else []
        try:
            adjust_environ(environ, self._options, _secure_header())
        except Exception as error:
            complain("could not adjust a request", error)
        answer: Iterable[bytes] = self._inner(environ, start_response)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__.get("application"), name)


class Asgi:
    """Around what get_asgi_application returns; anything else asked of it is asked of the project's application."""

    def __init__(self, application: Any, options: Options | None = None) -> None:
        self.application = application
        self._options = options or Options.read()
        self._urls = Urls()
        self._inner = application
        files = _static_files(self._options)
        if files is not None:
            from opsctl_static import AsgiFiles  # type: ignore[import-not-found]

            self._inner = AsgiFiles(files.files, application)
        prefix = _static_prefix(self._options)
        if prefix:
            from opsctl_elsewhere import AsgiElsewhere

            self._inner = AsgiElsewhere(self._inner, prefix)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """One connection."""
        if scope["type"] == "http" and self._options.is_health(scope["method"], scope_path(scope)):
            if not self._urls.imported:  # which blocks, so a thread does it
                from asyncio import get_running_loop

                await get_running_loop().run_in_executor(None, self._urls.ready)
            status, said, body = _answer(self._urls.status)
            headers = [(name.lower().encode(), value.encode()) for name, value in said]
            await send({"type": "http.response.start", "status": int(status[:3]), "headers": headers})
            await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})
            return
        _adjust(scope, self._options)
        await self._inner(scope, receive, send)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__.get("application"), name)


def _answer(status: int) -> tuple[str, list[tuple[str, str]], bytes]:
    """Status line, headers and body. A release whose URLs raise would answer every request with 500."""
    if status == 200:
        return "200 OK", list(OK_HEADERS), OK
    line = "500 Internal Server Error" if status == 500 else "503 Service Unavailable"
    return line, list(BROKEN_HEADERS), BROKEN


def _limited(application: Any, options: Options) -> Any:
    """The application behind an admission where the server's threads are known; its own health check always passes."""
    admission = Admission.of(os.environ)
    if admission is None:
        return application
    return Limited(application, admission, lambda path: bool(options.probe_path) and path == options.probe_path)


def adjust_router(module: ModuleType) -> None:
    """Make Channels' ProtocolTypeRouter adjust every connection that it hands on."""
    router: Any = module.__dict__["ProtocolTypeRouter"]
    route = router.__call__
    if hasattr(route, "opsctl_hook"):
        return
    options = Options.read()

    @functools.wraps(route)
    async def route_adjusted(self: Any, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        _adjust(scope, options)
        return await route(self, scope, receive, send)

    route_adjusted.opsctl_hook = True  # type: ignore[attr-defined]
    router.__call__ = route_adjusted


def _adjust(scope: dict[str, Any], options: Options) -> None:
    try:
        adjust_scope(scope, options, _secure_header())
    except Exception as error:
        complain("could not adjust a connection", error)


def _secure_header() -> Any:
    from django.conf import settings

    return settings.SECURE_PROXY_SSL_HEADER


def _static_files(options: Options) -> Any:
    """A WhiteNoise that knows the project's static files, or None."""
    if not options.static:
        return None
    try:
        from opsctl_static import static_files

        return static_files(options.static_root)
    except Exception as error:
        complain("could not serve static files", error)
        return None


def _static_prefix(options: Options) -> str:
    """Where this host's static files are, whoever serves them; empty where they can't be told from pages."""
    if not options.static:
        return ""
    try:
        from django.conf import settings
        from opsctl_static import static_prefix

        prefix: str = static_prefix(settings.STATIC_URL, settings.FORCE_SCRIPT_NAME)
    except Exception as error:
        complain("could not tell where static files are", error)
        return ""
    return prefix if prefix.strip("/") else ""
