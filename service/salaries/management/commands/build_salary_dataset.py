"""Build the canonical CSV from the raw files."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from salaries.ingest.build import REJECTS_NAME, BuildReport, build_dataset
from salaries.ingest.errors import IngestError
from salaries.ingest.sources import declared_encodings


class Command(BaseCommand):
    """`build_salary_dataset [--country NAME]`."""

    help = "Normalise every raw file into the canonical CSV, with an account of each row."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--country", default=settings.DATASET_COUNTRY, help="keep rows of this country")

    def handle(self, **options: Any) -> None:
        """Build, and print the account of rows."""
        try:
            report = build_dataset(
                data_dir=settings.DATA_DIR,
                country=options["country"],
                encodings=declared_encodings(settings.SALARY_SOURCES),
            )
        except IngestError as error:
            raise CommandError(str(error)) from error
        for line in describe(report):
            self.stdout.write(line)


def describe(report: BuildReport) -> list[str]:
    """Return the summary of a build, line by line."""
    lines = [f"{report.identity} ({len(report.files)} files)"]
    lines += [f"  rejected: {count} × {reason}" for reason, count in report.reasons.items()]
    if report.rejected:
        lines.append(f"  every rejected row is listed in {settings.DATA_DIR / REJECTS_NAME}")
    if report.unreadable_dates:
        lines.append(f"  note: {report.unreadable_dates} rows kept without their unreadable observed_at")
    return lines
