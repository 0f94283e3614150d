"""Export the dashboard as static files that need no API."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from salaries.ingest.errors import IngestError
from salaries.ingest.workspace import scratch
from salaries.selectors.releases import active_release
from salaries.services.bundle import bundle_send
from salaries.services.export import BYTES_LIMIT, ExportResult, dashboard_export


class Command(BaseCommand):
    """`export_dashboard --output-dir D|--to-bucket [--filename F] [--max-bytes N]`."""

    help = "Export the dashboard of the active release as static files that need no API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--output-dir", type=Path, default=None, help="folder to write to")
        where.add_argument("--to-bucket", action="store_true", help="put it into the dataset bucket, as one archive")
        parser.add_argument("--filename", default="index.html", help="name of the page")
        parser.add_argument("--max-bytes", type=int, default=BYTES_LIMIT, help="leave filters out above this size")

    def handle(self, **options: Any) -> None:
        """Export, and say what was written and what was left out."""
        filename = options["filename"]
        if not filename.isprintable() or Path(filename).name != (filename or "/") or filename.startswith("."):
            raise CommandError(f"--filename {filename!r} must be a plain file name.")
        if options["to_bucket"] and not settings.DATASET_BUCKET:
            raise CommandError("There is no DATASET_BUCKET to export to; use --output-dir.")
        try:
            if options["to_bucket"]:
                with scratch(settings.DATA_DIR, "export") as folder:
                    result = self._export(folder / "bundle", options)
                    where = bundle_send(folder=folder / "bundle", archive=folder / "bundle.zip")
            else:
                result = self._export(options["output_dir"], options)
                where = str(options["output_dir"] / filename)
        except IngestError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{where}: {result.describe()}")

    def _export(self, target: Path, options: dict[str, Any]) -> ExportResult:
        release = active_release()
        if release is None:
            raise CommandError("There is no dataset release to export; refresh the dataset first.")
        return dashboard_export(
            release=release, target=target, filename=options["filename"], limit=options["max_bytes"]
        )
