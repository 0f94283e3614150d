"""HTTP around an answer: methods, parameter errors, strong ETags, conditional requests, compression.

Django's own GZip and conditional-GET middleware would weaken the tag and hash a body whose identity is already known:
an answer is a function of the release, the query and this code, so its tag needs no look at the body.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from config.failures import first_line
from config.outage import OUTAGE, RETRY_AFTER_SECONDS
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt

from salaries.api.answers import Answer
from salaries.api.bodies import BODIES
from salaries.api.encoding import json_text
from salaries.api.params import ParameterError, Query
from salaries.selectors.releases import Release, release_to_answer_from

# Raise it whenever the same release and query would be answered with other bytes.
ANSWERS_REVISION = 1
_METHODS = "GET, HEAD, OPTIONS"
_GZIP_MAGIC = b"\x1f\x8b"  # no JSON and no HTML begins like this
_COMPRESS_FROM = 860  # below the size of one network packet compression saves nothing
# Of each endpoint, and of ways to ask for a coding; a query may have 8 kB.
_KEPT = 128
_STALE = '110 - "Response is Stale"'
_log = logging.getLogger("salaries.api")
View = Callable[[HttpRequest], HttpResponse]


def release_tag(release: Release) -> str:
    """Return what names the content of a release."""
    return release.tag


def activation_tag(release: Release) -> str:
    """Return what names a release and when it was made active, for answers that tell so."""
    return f"{release.tag}-{hashlib.sha256(str(release.activated_at).encode()).hexdigest()[:8]}"


def endpoint(parse: Callable[[Any], Query], answer: Answer, *, tag: Callable[[Release], str] = release_tag) -> View:
    """Return the view that answers `answer` to the query `parse` finds in the parameters; `tag` names the release."""

    # Reading the same query again would take as long as the rest of a stored answer.
    @lru_cache(_KEPT)
    def read(path: str, text: str) -> tuple[Query, str]:
        query = parse(QueryDict(text.encode("latin-1")))
        return query, _digest(path, query)

    # Nothing here changes anything; a forged POST is to be told 405, not 403.
    @csrf_exempt
    def view(request: HttpRequest) -> HttpResponse:
        refused = refused_method(request)
        if refused is not None:
            return refused
        try:
            query, digest = read(request.path, request.META.get("QUERY_STRING", ""))
        except ParameterError as error:
            return JsonResponse({"error": str(error)}, status=400)
        try:
            release, stale = release_to_answer_from()
            identity = f"{tag(release) if release else 'none'}-{digest}"
            headers = {"Content-Type": "application/json", **({"Warning": _STALE} if stale else {})}
            return respond(request, identity, lambda: _ask(release, query), headers)
        except (OperationalError, InterfaceError) as error:
            return _unavailable(error)

    def _ask(release: Release | None, query: Query) -> bytes:
        with OUTAGE.asked():
            return answer(release, query)

    return view


def _unavailable(error: Exception) -> HttpResponse:
    """Answer 503: the database is away, or took too long. The reason is for the log alone."""
    _log.warning("answered 503: %s", first_line(error))
    body = {"error": "The database does not answer at the moment; try again in some seconds."}
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
    response = JsonResponse(body, status=503, headers=headers)
    response._has_been_logged = True  # type: ignore[attr-defined]  # else Django adds a line of its own
    return response


def constant(content: Callable[[], bytes], headers: Callable[[], dict[str, str]]) -> View:
    """Return the view that answers what this process never changes."""

    @cache
    def prepared() -> tuple[bytes, str, dict[str, str]]:
        body = content()
        return body, hashlib.sha256(body).hexdigest()[:32], headers()

    @csrf_exempt
    def view(request: HttpRequest) -> HttpResponse:
        refused = refused_method(request)
        if refused is not None:
            return refused
        body, identity, own = prepared()
        return respond(request, identity, lambda: body, own)

    return view


def respond(request: HttpRequest, identity: str, make: Callable[[], bytes], headers: dict[str, str]) -> HttpResponse:
    """Answer with the body that `identity` names, or with 304 to a client that holds it."""
    zipped = accepts_gzip(request.META.get("HTTP_ACCEPT_ENCODING", ""))
    tag = f'"{identity}{"-gz" if zipped else ""}"'
    # NOTE: all on a 304 too, as a browser replaces the headers it holds by those: the page's policy would be lost.
    headers = {**headers, "ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if _matches(request, tag):
        return HttpResponseNotModified(headers=headers)

    def coded() -> bytes:
        body = make()
        small = not zipped or len(body) < _COMPRESS_FROM
        return body if small else gzip.compress(body, compresslevel=5, mtime=0)

    body = BODIES.get_or_make(tag, coded)
    if body.startswith(_GZIP_MAGIC):
        headers["Content-Encoding"] = "gzip"
    return HttpResponse(body, headers=headers)


def refused_method(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to OPTIONS or to a method that only reading endpoints don't have, else None."""
    if request.method in ("GET", "HEAD"):
        return None
    if request.method == "OPTIONS":
        return HttpResponse(status=200, headers={"Allow": _METHODS})
    body = {"error": f"The method {request.method} is not allowed; use one of: {_METHODS}."}
    return JsonResponse(body, status=405, headers={"Allow": _METHODS})


@lru_cache(_KEPT)
def accepts_gzip(accepted: str) -> bool:
    """Tell whether the Accept-Encoding of a client has gzip: named, or by a wildcard, and not ruled out by `q=0`."""
    qualities: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, quality = part.partition(";")
        text = quality.strip().removeprefix("q=")
        try:
            qualities[name.strip()] = float(text) if text else 1.0
        except ValueError:
            qualities[name.strip()] = 0.0
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _digest(path: str, query: Query) -> str:
    lists = [query.lists] if query.lists else []
    compared = [{"compare": query.compared}] if query.compared else []
    about = json_text([ANSWERS_REVISION, path, query.roles, query.filters, *lists, *compared])
    return hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _matches(request: HttpRequest, tag: str) -> bool:
    given = request.META.get("HTTP_IF_NONE_MATCH", "")
    if given.strip() == "*":
        return True
    # If-None-Match compares weakly: a proxy that recompressed an answer may have marked the tag W/.
    return tag in (part.strip().removeprefix("W/") for part in given.split(","))
