"""List the kept dataset releases, and the last times that one was made active."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from salaries.models import DatasetActivation
from salaries.selectors.releases import activations_list, given_up, releases_list

_ACTIVATIONS = 20


class Command(BaseCommand):
    """`salary_releases [--json]`."""

    help = "List the kept dataset releases, newest first; the active one is marked."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print JSON, on one line")

    def handle(self, **options: Any) -> None:
        """Print the releases, and in JSON their history."""
        bad = given_up()
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
                "rolled_back": release.checksum in bad,
            }
            for release, active in releases_list()
        ]
        if options["json"]:
            # One line, so that opsctl finds it in the log of a task.
            history = [_flip(flip) for flip in activations_list(limit=_ACTIVATIONS)]
            self.stdout.write(json.dumps({"releases": found, "activations": history}))
            return
        for entry in found:
            mark = "*" if entry["active"] else " "
            note = "  rolled back from" if entry["rolled_back"] else ""
            self.stdout.write(
                f"{mark} r{entry['release']}  {entry['created_at']}  {entry['kind']:<6}  {entry['rows']:>11,} rows  "
                f"{entry['checksum'][:12]}{note}"
            )
        if not found:
            self.stdout.write("There is no dataset release yet; run refresh_salary_dataset.")


def _flip(flip: DatasetActivation) -> dict[str, Any]:
    return {
        "at": flip.at.isoformat(timespec="seconds"),
        "release": flip.release_number,
        "how": flip.how,
        "instead_of": flip.left_number,
    }
