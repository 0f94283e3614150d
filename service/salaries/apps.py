"""Django application."""

from __future__ import annotations

from django.apps import AppConfig


class SalariesConfig(AppConfig):
    """The one application of the service."""

    name = "salaries"
    default_auto_field = "django.db.models.BigAutoField"
