"""Static files of a project that has nothing to serve them: WhiteNoise, for WSGI and ASGI alike."""

from __future__ import annotations

import asyncio
import functools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opsctl_requests import scope_header, scope_path  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

LIBRARY = Path(__file__).resolve().parent.parent / "lib"
SERVERS = {"whitenoise", "servestatic"}
# What ManifestStaticFilesStorage names files: the first twelve hexadecimal digits of their content's hash.
HASHED_NAME = r"\.[0-9a-f]{12}(\.[^./]+)?$"
BLOCK = 64 * 1024
REQUEST_HEADERS = {
    b"accept-encoding": "HTTP_ACCEPT_ENCODING",
    b"if-modified-since": "HTTP_IF_MODIFIED_SINCE",
    b"if-none-match": "HTTP_IF_NONE_MATCH",
    b"range": "HTTP_RANGE",
}


def static_files(default_root: str = "") -> Any:
    """A WhiteNoise over STATIC_ROOT, or None when there is nothing to serve or something serves already.

    `default_root` is for a project that names no STATIC_ROOT.
    """
    from django.conf import settings

    prefix = static_prefix(settings.STATIC_URL, settings.FORCE_SCRIPT_NAME)
    root = settings.STATIC_ROOT or default_root
    if not prefix or not root or not Path(root).is_dir() or serves_itself(settings.MIDDLEWARE):
        return None
    return white_noise()(None, root=str(root), prefix=prefix, immutable_file_test=HASHED_NAME)


def static_prefix(url: str | None, script_name: str | None) -> str:
    """The path below the application's root that STATIC_URL means; empty when another server has the files."""
    parts = urlsplit(url or "")
    if parts.scheme or parts.netloc:
        return ""
    script = (script_name or "").rstrip("/")
    return parts.path[len(script) :] if script and parts.path.startswith(script + "/") else parts.path


def serves_itself(middleware: list[str]) -> bool:
    """Whether one of a project's middleware is WhiteNoise or made from it."""
    from django.utils.module_loading import import_string

    bases = (base for path in middleware for base in getattr(import_string(path), "__mro__", ()))
    return any(base.__module__.partition(".")[0] in SERVERS for base in bases)


def white_noise() -> Any:
    """The project's WhiteNoise, or the one beside this hook."""
    try:
        from whitenoise import WhiteNoise
    except ImportError:
        sys.path.append(str(LIBRARY))
        from whitenoise import WhiteNoise
    return WhiteNoise


class Names(dict):  # type: ignore[type-arg]
    """WhiteNoise's files by path; one of another release is answered with this release's of that name.

    While a deploy rolls, a page of either release asks tasks of both, and without its files it would be broken.
    """

    def get(self, path: str, default: Any = None) -> Any:
        """The file of `path`."""
        found = super().get(path)
        if found is not None or not re.search(HASHED_NAME, path):
            return default if found is None else found
        other = super().get(re.sub(HASHED_NAME, r"\1", path))
        return default if other is None else OtherRelease(other)


class OtherRelease:
    """A file that stands for another, so nobody may keep it."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def get_response(self, method: str, headers: Mapping[str, str]) -> Any:
        """As WhiteNoise's."""
        found = self._file.get_response(method, headers)
        kept = [each for each in found.headers if each[0].lower() != "cache-control"]
        return type(found)(found.status, [*kept, ("Cache-Control", "no-store")], found.file)


def answer_for_other_releases(module: ModuleType) -> None:
    """Make WhiteNoise, the project's own as well, keep its files as Names."""
    kind: Any = module.__dict__["WhiteNoise"]
    begin = kind.__init__

    @functools.wraps(begin)
    def begin_with_names(self: Any, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        self.files = Names(self.files)

    kind.__init__ = begin_with_names


class AsgiFiles:
    """Answers requests for files that WhiteNoise knows; every other connection goes to the application."""

    def __init__(self, files: Mapping[str, Any], application: Any) -> None:
        self._files = files
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """One connection."""
        file = self._files.get(scope_path(scope)) if scope["type"] == "http" else None
        if file is None:
            await self._application(scope, receive, send)
            return
        asked = {key: scope_header(scope, name) for name, key in REQUEST_HEADERS.items()}
        headers = {key: value for key, value in asked.items() if value is not None}
        # Opening and reading block, so a thread does them.
        thread = asyncio.get_running_loop().run_in_executor
        response = await thread(None, file.get_response, scope["method"], headers)
        try:
            pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
            await send({"type": "http.response.start", "status": int(response.status), "headers": pairs})
            while response.file is not None:
                block = await thread(None, response.file.read, BLOCK)
                if not block:
                    break
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            if response.file is not None:
                response.file.close()
