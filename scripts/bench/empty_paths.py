"""The service's paths and beside them a view that does nothing: what a stored answer is compared with."""

from __future__ import annotations

from config.urls import handler404, handler500
from config.urls import urlpatterns as service_paths
from django.http import HttpRequest, HttpResponse
from django.urls import path


def empty(_request: HttpRequest) -> HttpResponse:
    """Answer with nothing."""
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("empty", empty), *service_paths]

__all__ = ["handler404", "handler500", "urlpatterns"]
