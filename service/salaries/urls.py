"""Paths of the API and the dashboard. The API's paths are used by clients and never change."""

from __future__ import annotations

from django.urls import path

from salaries.api import views

urlpatterns = [
    path("", views.page),
    path("dashboard/", views.page),
    path("preview.png", views.preview),
    path("api/salaries/", views.summary),
    path("api/salaries/insights/", views.insights),
    path("api/salaries/comparison/", views.comparison),
    path("api/salaries/overview/", views.overview),
    path("api/salaries/catalogue/", views.catalogue),
    path("api/filters/", views.facets),
    path("api/schema", views.schema),
    path("api/schema/", views.schema),
]
