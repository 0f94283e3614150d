"""Start the web server, after the checks that tell a bad release from a good one.

A container that exits at once with one line is what a deployment circuit breaker recognises; one that starts and
answers errors is not.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from config.env import EnvironmentVariableError, env_int, env_str
from config.readiness import not_ready_reason
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections


class Command(BaseCommand):
    """`serve`: check the database and its migrations, then become gunicorn on BIND_HOST:PORT."""

    help = "Check the database and pending migrations, then serve HTTP on BIND_HOST:PORT."

    def handle(self, **_options: Any) -> None:
        """Check, then replace this process; it does not return."""
        for using in settings.DATABASES:
            reason = not_ready_reason(using)
            if reason:
                raise CommandError(f"not starting: {reason}")
        connections.close_all()
        try:
            # Read here as well, so that a bad value is one sentence: gunicorn would add a traceback.
            import_module("config.server")
            address = f"{env_str('BIND_HOST', '0.0.0.0')}:{env_int('PORT', 8000, low=1, high=65535)}"  # noqa: S104
        except EnvironmentVariableError as error:
            raise CommandError(str(error), returncode=4) from error
        config = settings.BASE_DIR / "config" / "server.py"
        command = [sys.executable, "-m", "gunicorn", "--config", str(config), "--bind", address]
        self.stdout.write(f"serving on http://{address}")
        self.stdout.flush()
        os.execv(sys.executable, [*command, "config.wsgi:application"])  # noqa: S606
