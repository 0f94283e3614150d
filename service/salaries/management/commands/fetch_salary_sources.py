"""Fetch the listed sources into `raw/`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from salaries.ingest.errors import IngestError
from salaries.ingest.fetch import FetchResult, fetch_sources
from salaries.ingest.progress import ProgressLine
from salaries.ingest.sources import read_sources
from salaries.ingest.transport import Limits, Transport


class Command(BaseCommand):
    """`fetch_salary_sources [--strict] [--allow-http] [--allow-private] [--sources FILE]`."""

    help = "Fetch the listed sources into raw/; a source that fails is reported and the others go on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--sources", type=Path, default=None, help="list of sources (default: SALARY_SOURCES)")
        parser.add_argument("--strict", action="store_true", help="fail when any source fails, not only when all do")
        parser.add_argument("--allow-http", action="store_true", help="accept plain http sources")
        parser.add_argument("--allow-private", action="store_true", help="accept addresses that are not public")
        parser.add_argument("--timeout", type=float, default=Limits.seconds, help="seconds a source may take")

    def handle(self, **options: Any) -> None:
        """Fetch, print a table of what happened, and fail if nothing came or, with --strict, if anything failed."""
        path = options["sources"] or settings.SALARY_SOURCES
        limits = Limits(
            allow_http=options["allow_http"], allow_private=options["allow_private"], seconds=options["timeout"]
        )
        transport = Transport(base=path.parent, limits=limits, s3=_s3_client)
        try:
            sources = read_sources(path)
            with ProgressLine(sys.stderr) as progress:
                results = fetch_sources(
                    sources=sources, data_dir=settings.DATA_DIR, transport=transport, observer=progress
                )
        except IngestError as error:
            raise CommandError(str(error)) from error
        for line in table(results):
            self.stdout.write(line)
        failed = [result.name for result in results if result.outcome == "failed"]
        wanted = [result for result in results if result.outcome != "disabled"]
        if failed and (options["strict"] or len(failed) == len(wanted)):
            what = "No source" if len(failed) == len(wanted) else "Not every source"
            raise CommandError(f"{what} could be fetched ({', '.join(failed)}); raw files stay as they were.")


def table(results: list[FetchResult]) -> list[str]:
    """Return what happened to each source, one line each, in columns."""
    width = max((len(result.name) for result in results), default=0)
    return [
        f"{result.name:<{width}}  {result.outcome:<9}  {result.size:>11,} bytes  {_detail(result)}".rstrip()
        for result in results
    ]


def _detail(result: FetchResult) -> str:
    return f"{result.detail}; its last good file stays" if result.kept else result.detail


def _s3_client() -> Any:
    import boto3

    return boto3.client("s3")
