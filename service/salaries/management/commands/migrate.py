"""Django's `migrate`, one at a time: two deploys that start together must not run the same migration twice."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections

from salaries.services.locks import BusyError, migration_lock, withhold_migrations


class Command(migrate.Command):
    """`migrate`, holding a lock on PostgreSQL while it runs."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the lock, migrate, leave the table of migrations to its owner, give the lock back."""
        using = options["database"]
        if connections[using].vendor != "postgresql":
            super().handle(*args, **options)
            return
        try:
            with migration_lock(using) as holder:
                super().handle(*args, **options)
                withhold_migrations(holder)
        except BusyError as error:
            raise CommandError(str(error), returncode=75) from error
