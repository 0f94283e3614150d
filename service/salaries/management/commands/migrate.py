"""Django's `migrate`, one at a time: two deploys that start together must not run the same migration twice."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections

from salaries.services.locks import BusyError, lock_migrations, unlock_migrations


class Command(migrate.Command):
    """`migrate`, holding an advisory lock on PostgreSQL while it runs."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the lock, migrate, give the lock back."""
        using = options["database"]
        if connections[using].vendor != "postgresql":
            super().handle(*args, **options)
            return
        try:
            lock_migrations(using)
        except BusyError as error:
            raise CommandError(str(error), returncode=75) from error
        try:
            super().handle(*args, **options)
        finally:
            # Closing the connection would free it too; a database that went away has done so already.
            if connections[using].is_usable():
                unlock_migrations(using)
