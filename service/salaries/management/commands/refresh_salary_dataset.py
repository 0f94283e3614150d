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

STEPS = {
    "refresh": ("fetch", "build", "load"),
    "fetch": ("fetch",),
    "build": ("build",),
    "load": ("build", "load"),
}


class Command(BaseCommand):
    """`refresh_salary_dataset [--only STEP]`; DATASET_BUCKET's `raw/` is synced around the fetch.

    Where a task has no disk of its own, what it built is gone with it, so `--only load` builds first.
    """

    help = "Sync raw files from the dataset bucket (when there is one), fetch, build and load."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options, handed on to the steps."""
        parser.add_argument(
            "--only", choices=list(STEPS), default="refresh", help="fetch; build; or load, which builds as well"
        )
        parser.add_argument("--append", action="store_true", help="keep the active rows and add new ones")
        parser.add_argument(
            "--strict",
            action="store_true",
            help="fail when any source fails, or any raw file holds no rows or is doubtful",
        )
        parser.add_argument("--allow-http", action="store_true", help="accept plain http sources")
        parser.add_argument("--allow-private", action="store_true", help="accept addresses that are not public")
        parser.add_argument("--timeout", type=float, default=Limits.seconds, help="seconds a source may take")
        parser.add_argument("--allow-shrink", action="store_true", help="accept less than half of the active rows")
        parser.add_argument(
            "--allow-rolled-back", action="store_true", help="accept the rows of a release that was rolled back from"
        )

    def handle(self, **options: Any) -> None:
        """Run the steps; a failing one stops the rest, and the active release stays."""
        steps = STEPS[options["only"]]
        try:
            bucket = BucketFolder.of_settings()
            if bucket:
                self.stdout.write(f"sync: {bucket.pull(settings.DATA_DIR / 'raw')}")
            if "fetch" in steps:
                self._fetch(options)
                if bucket:
                    self.stdout.write(f"sync: {bucket.push(settings.DATA_DIR / 'raw')}")
        except IngestError as error:
            raise CommandError(str(error)) from error
        if "build" in steps:
            call_command("build_salary_dataset", strict=options["strict"], stdout=self.stdout)
        if "load" in steps:
            handed_on = {name: options[name] for name in ("append", "allow_shrink", "allow_rolled_back")}
            call_command("load_salary_dataset", **handed_on, stdout=self.stdout)

    def _fetch(self, options: dict[str, Any]) -> None:
        handed_on = {name: options[name] for name in ("strict", "allow_http", "allow_private", "timeout")}
        try:
            call_command("fetch_salary_sources", **handed_on, stdout=self.stdout)
        except CommandError as error:
            # Files put there by hand, or fetched before, are still worth a build; --strict says otherwise.
            if options["strict"] or options["only"] == "fetch" or not raw_files(settings.DATA_DIR / "raw")[0]:
                raise
            self.stderr.write(f"fetch: {error} Going on with the raw files that are there.")
