"""List the kept dataset releases."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from salaries.selectors.releases import releases_list


class Command(BaseCommand):
    """`salary_releases [--json]`."""

    help = "List the kept dataset releases, newest first; the active one is marked."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print JSON, on one line")

    def handle(self, **options: Any) -> None:
        """Print the releases."""
        found = [
            {
                "release": release.id,
                "active": active,
                "created_at": release.created_at.isoformat(timespec="seconds"),
                "kind": release.kind,
                "rows": release.row_count,
                "checksum": release.checksum,
                "sources": release.sources,
                "rejected": release.build.get("rejected"),
            }
            for release, active in releases_list()
        ]
        if options["json"]:
            # One line, so that opsctl finds it in the log of a task.
            self.stdout.write(json.dumps({"releases": found}))
            return
        for entry in found:
            mark = "*" if entry["active"] else " "
            self.stdout.write(
                f"{mark} r{entry['release']}  {entry['created_at']}  {entry['kind']:<6}  {entry['rows']:>9} rows  "
                f"{entry['checksum'][:12]}"
            )
        if not found:
            self.stdout.write("There is no dataset release yet; run refresh_salary_dataset.")
