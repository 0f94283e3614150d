"""Load the canonical CSV as a new dataset release and make it the active one."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from salaries.ingest.build import CANONICAL_NAME
from salaries.ingest.errors import IngestError
from salaries.ingest.runs import RunFolder
from salaries.selectors.releases import releases_list
from salaries.services.locks import BusyError
from salaries.services.releases import LoadRefusedError, LoadResult, RolledBackError, build_report, release_load
from salaries.wording import counted

ROLLED_BACK = 6
"""The exit code that tells a refusal of what was rolled back from; `opsctl dataset` ends with it too."""


class Command(BaseCommand):
    """`load_salary_dataset [--append] [--allow-shrink] [--allow-rolled-back] [--file PATH]`."""

    help = "Load the canonical CSV as a new dataset release and make it the active one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--append", action="store_true", help="keep the active rows and add the file's new ones")
        parser.add_argument("--allow-shrink", action="store_true", help="accept less than half of the active rows")
        parser.add_argument(
            "--allow-rolled-back", action="store_true", help="accept the rows of a release that was rolled back from"
        )
        parser.add_argument("--file", type=Path, default=None, help="canonical CSV (default: the one built last)")

    def handle(self, **options: Any) -> None:
        """Load, and say what happened in one line."""
        canonical = options["file"] or settings.DATA_DIR / CANONICAL_NAME
        try:
            with StepTimes(self.stdout.write) as steps:
                result = release_load(
                    canonical=canonical,
                    append=options["append"],
                    allow_shrink=options["allow_shrink"],
                    allow_rolled_back=options["allow_rolled_back"],
                    observer=steps,
                )
        except BusyError as error:
            raise CommandError(str(error), returncode=75) from error
        except RolledBackError as error:
            raise CommandError(str(error), returncode=ROLLED_BACK) from error
        except (IngestError, LoadRefusedError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(describe(result))
        runs = RunFolder.of_settings()
        if runs and build_report(canonical):
            kept = {release.id for release, _ in releases_list()}
            try:
                runs.put_release(canonical.parent, release_id=result.release_id, kept=kept)
            except IngestError as error:
                # The release is active, so this is no failure of the load.
                self.stderr.write(f"warning: `opsctl dataset rejects {result.release_id}` will not find them. {error}")


class StepTimes:
    """Writes how long each step took that was worth waiting for; `clock` counts seconds."""

    WORTH_TELLING_SECONDS = 0.5

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._step = ""
        self._since = 0.0

    def __call__(self, step: str) -> None:
        """End the step before, and begin `step`."""
        now = self._clock()
        if self._step and now - self._since >= self.WORTH_TELLING_SECONDS:
            self._write(f"  {self._step}: {now - self._since:.1f} s")
        self._step, self._since = step, now

    def __enter__(self) -> StepTimes:
        """Start."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the last step."""
        self("")


def describe(result: LoadResult) -> str:
    """Return the line that tells what a load did."""
    what = "loaded and active" if result.created else "already active, nothing to load; aggregates rebuilt"
    return (
        f"release r{result.release_id}: {what} ({counted(result.row_count, 'row')}, {counted(result.roles, 'role')}, "
        f"checksum {result.checksum[:12]})"
    )
