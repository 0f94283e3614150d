"""URLs: the JSON API, the dashboard and the API's schema. Probes live in the first middleware."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("", include("salaries.urls"))]
handler400 = "salaries.api.views.bad_request"
handler404 = "salaries.api.views.not_found"
handler500 = "salaries.api.views.server_error"
