"""Sync, fetch, build and load: what the schedule and a manual refresh both run."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from salaries.ingest.bucket import BucketFolder
from salaries.ingest.build import raw_files
from salaries.ingest.errors import IngestError
from salaries.ingest.transport import Limits


class Command(BaseCommand):
    """`refresh_salary_dataset [--strict] [--allow-shrink]`; DATASET_BUCKET's `raw/` is synced around the fetch."""

    help = "Sync raw files from the dataset bucket (when there is one), fetch, build and load."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options, handed on to the steps."""
        parser.add_argument("--strict", action="store_true", help="fail when any source fails")
        parser.add_argument("--allow-http", action="store_true", help="accept plain http sources")
        parser.add_argument("--allow-private", action="store_true", help="accept addresses that are not public")
        parser.add_argument("--timeout", type=float, default=Limits.seconds, help="seconds a source may take")
        parser.add_argument("--allow-shrink", action="store_true", help="accept less than half of the active rows")

    def handle(self, **options: Any) -> None:
        """Run the steps; a failing one stops the rest, and the active release stays."""
        try:
            bucket = BucketFolder.of_settings()
            if bucket:
                self.stdout.write(f"sync: {bucket.pull(settings.DATA_DIR / 'raw')}")
            self._fetch(options)
            if bucket:
                self.stdout.write(f"sync: {bucket.push(settings.DATA_DIR / 'raw')}")
        except IngestError as error:
            raise CommandError(str(error)) from error
        call_command("build_salary_dataset", stdout=self.stdout)
        call_command("load_salary_dataset", allow_shrink=options["allow_shrink"], stdout=self.stdout)

    def _fetch(self, options: dict[str, Any]) -> None:
        handed_on = {name: options[name] for name in ("strict", "allow_http", "allow_private", "timeout")}
        try:
            call_command("fetch_salary_sources", **handed_on, stdout=self.stdout)
        except CommandError as error:
            # Files put there by hand, or fetched before, are still worth a build; --strict says otherwise.
            if options["strict"] or not raw_files(settings.DATA_DIR / "raw"):
                raise
            self.stderr.write(f"fetch: {error} Going on with the raw files that are there.")
