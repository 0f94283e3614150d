"""Export the dashboard as static files that need no API."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from salaries.ingest.errors import IngestError
from salaries.selectors.releases import active_release
from salaries.services.export import BYTES_LIMIT, dashboard_export


class Command(BaseCommand):
    """`export_dashboard --output-dir D [--filename F] [--max-bytes N]`."""

    help = "Export the dashboard of the active release as static files that need no API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--output-dir", type=Path, required=True, help="folder to write to")
        parser.add_argument("--filename", default="index.html", help="name of the page")
        parser.add_argument("--max-bytes", type=int, default=BYTES_LIMIT, help="leave filters out above this size")

    def handle(self, **options: Any) -> None:
        """Export, and say what was written and what was left out."""
        filename = options["filename"]
        if Path(filename).name != filename or filename.startswith("."):
            raise CommandError(f"--filename {filename!r} must be a plain file name.")
        release = active_release()
        if release is None:
            raise CommandError("There is no dataset release to export; run refresh_salary_dataset first.")
        target = options["output_dir"]
        try:
            result = dashboard_export(release=release, target=target, filename=filename, limit=options["max_bytes"])
        except IngestError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{target / filename}: release r{release.id}, {result.files} files, {result.size:,} bytes")
        if result.left_out:
            self.stdout.write(f"left out to stay below the limit: filters {', '.join(result.left_out)}")
