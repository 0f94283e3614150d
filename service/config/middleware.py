"""The service's own middleware: probes before everything else, access log with request ids, security headers."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]

LIVENESS_PATHS = frozenset({"/healthz", "/healthz/", "/health/"})
READINESS_PATHS = frozenset({"/readyz", "/readyz/"})
_PROBES = LIVENESS_PATHS | READINESS_PATHS
# A view that answers more than data brings a content security policy of its own.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), "
        "geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), "
        "picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()"
    ),
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9=;_.:-]{8,100}")

access_log = logging.getLogger("access")


def probes(get_response: GetResponse) -> GetResponse:
    """Answer probes before any check of host or scheme.

    A load balancer probes with the task's address as Host, over http and without X-Forwarded-Proto; a refusal or a
    redirect there would take a healthy task out of service. Liveness touches no database on purpose: a slow database
    must not make the scheduler kill every task at once.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path not in _PROBES:
            return get_response(request)
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            return HttpResponseNotAllowed(["GET", "HEAD", "OPTIONS"])
        if request.path in LIVENESS_PATHS:
            headers = {"Cache-Control": "no-store", "Content-Length": "2"}
            return HttpResponse("OK", content_type="text/plain; charset=utf-8", headers=headers)
        from config.readiness import readiness_response

        return readiness_response()

    return middleware


def request_log(get_response: GetResponse) -> GetResponse:
    """Give each request an id, answer with it, and write one access line."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        # NOTE: not request.headers, which copies every header; nothing else of a stored answer needs that.
        given = request.META.get("HTTP_X_REQUEST_ID") or request.META.get("HTTP_X_AMZN_TRACE_ID") or ""
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        response = get_response(request)
        response["X-Request-Id"] = request_id
        if access_log.isEnabledFor(logging.INFO):
            fields = {
                "request_id": request_id,
                "method": request.method,
                "path": request.get_full_path(),
                "status": response.status_code,
                "duration_ms": round((time.perf_counter() - started) * 1000, 1),
                "remote": _client(request),
            }
            access_log.info("request", extra=fields)
        return response

    return middleware


def _client(request: HttpRequest) -> str:
    """The address that the load balancer appended: what stands before it anybody may have written."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    return str(forwarded or request.META.get("REMOTE_ADDR", ""))


def security_headers(get_response: GetResponse) -> GetResponse:
    """Let a browser do with an answer what this service needs of it, and nothing else."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware
