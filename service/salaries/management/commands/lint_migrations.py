"""Refuse migrations that the previous release could not work with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.migrations.loader import MigrationLoader

from salaries.migration_lint import migration_problems


class Command(BaseCommand):
    """`lint_migrations`."""

    help = "Refuse migrations that would break the release before them."

    def handle(self, **_options: Any) -> None:
        """Look at every migration on disk; no database is needed."""
        loader = MigrationLoader(None, ignore_no_migrations=True)
        found = [
            f"{app}.{name}: {problem}"
            for (app, name), migration in sorted(loader.disk_migrations.items())
            for problem in migration_problems(migration)
        ]
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write(f"{len(loader.disk_migrations)} migrations keep the previous release working")
