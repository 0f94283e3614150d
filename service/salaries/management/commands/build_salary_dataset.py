"""Build the canonical CSV from the raw files."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from salaries.ingest.build import REJECTS_NAME, BuildReport, build_dataset
from salaries.ingest.errors import IngestError
from salaries.ingest.runs import RunFolder
from salaries.ingest.sources import declared
from salaries.wording import counted, shown

_COLUMNS_SHOWN = 1000


class Command(BaseCommand):
    """`build_salary_dataset [--country NAME] [--strict]`."""

    help = "Normalise every raw file into the canonical CSV, with an account of each row."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--country", default=settings.DATASET_COUNTRY, help="keep rows of this country")
        parser.add_argument(
            "--strict", action="store_true", help="fail when any raw file holds no rows, or is doubtful"
        )

    def handle(self, **options: Any) -> None:
        """Build, leave the rejects where they can be read later, and print the account of rows."""
        runs = RunFolder.of_settings()
        try:
            told = declared(settings.SALARY_SOURCES)
            report = build_dataset(
                data_dir=settings.DATA_DIR,
                country=options["country"],
                encodings=told.encodings,
                mappings=told.mappings,
            )
            if runs:
                runs.put(settings.DATA_DIR)
        except IngestError as error:
            raise CommandError(str(error)) from error
        listed = "by `opsctl dataset rejects`" if runs else f"in {settings.DATA_DIR / REJECTS_NAME}"
        for line in describe(report, listed=listed):
            self.stdout.write(line)
        if options["strict"] and report.unusable:
            raise CommandError(f"Not every raw file holds rows ({', '.join(report.unusable)}); nothing is loaded.")
        if options["strict"] and report.doubtful:
            names = ", ".join(report.doubtful)
            raise CommandError(
                f"What is warned of above is doubtful ({names}), which --strict refuses; nothing is loaded."
            )


def describe(report: BuildReport, *, listed: str) -> list[str]:
    """Return the summary of a build, line by line; `listed` says where all rejects are."""
    lines = [f"{report.identity} ({counted(len(report.files), 'file')})"]
    for reason, count in report.reasons.items():
        lines.append(f"  rejected: {count:,} × {reason}")
        lines += [f"    {each.file}:{each.line}  {shown(each.value)}".rstrip() for each in report.samples[reason]]
    if report.rejected:
        lines.append(f"  every rejected row is listed {listed}")
    if report.unreadable_dates:
        lines.append(f"  note: {counted(report.unreadable_dates, 'row')} kept without an unreadable observed_at")
    lines += [f"  warning: {name} {what}" for name, what in report.unusable.items()]
    lines += [f"  passed over: {name}: {reason}" for name, reason in report.passed_over.items()]
    lines += [
        f"  warning: {name}: {said}; `opsctl dataset inspect` proposes what to say of its source"
        for name, told in report.doubtful.items()
        for said in told
    ]
    lines += [f"  {name}: {_columns(report.files[name])}" for name in report.doubtful]
    lines += [
        f"  warning: the role {shown(role)!r} ({counted(count, 'row')}) begins as a formula of a spreadsheet; "
        "it is kept as text"
        for role, count in report.formulas.items()
    ]
    lines += [
        f"  note: the figures of {name} are {file['figures']}"
        for name, file in report.files.items()
        if "figures" in file
    ]
    lines += [
        f"  left out by its filter: {file['left_out']:,} of {name}"
        for name, file in report.files.items()
        if "left_out" in file
    ]
    lines += [
        f"  warning: {name}: {counted(count, 'row')} not in the file's encoding; declare its `encoding` "
        "(such as latin-1 or cp1252) in the list of sources, or save it as UTF-8"
        for name, count in report.misread.items()
    ]
    return lines


def _columns(file: dict[str, Any]) -> str:
    """Return what became of a file's columns, and how many of its rows took a default."""
    taken = [f"{name} <- {', '.join(headers)}" for name, headers in file["taken"].items()]
    parts = [f"taken for {'; '.join(taken) or 'nothing'}", f"not used: {', '.join(file['unused']) or 'nothing'}"]
    counts = [f"{name} of {counted(count, 'row')}" for name, count in file["assumed"].items()]
    return shown("; ".join([*parts, *([f"assumed: {', '.join(counts)}"] if counts else [])]), limit=_COLUMNS_SHOWN)
