"""Make an older dataset release active again: by default, undo the last activation."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from salaries.services.locks import BusyError
from salaries.services.releases import LoadRefusedError, release_rollback
from salaries.wording import counted


class Command(BaseCommand):
    """`rollback_salary_release [--to N]`."""

    help = "Make an older kept dataset release the active one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--to", type=int, default=None, help="release number (default: what was active before)")

    def handle(self, **options: Any) -> None:
        """Flip the pointer, and say to which release."""
        try:
            release = release_rollback(to=options["to"])
        except BusyError as error:
            raise CommandError(str(error), returncode=75) from error
        except LoadRefusedError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"release r{release.id} is active again ({counted(release.row_count, 'row')})")
