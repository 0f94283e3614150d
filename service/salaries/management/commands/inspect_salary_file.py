"""Tell how one file would be read, and propose what to say of its source."""

from __future__ import annotations

import json
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from salaries.ingest.bucket import s3_errors, s3_of_settings
from salaries.ingest.columns import DEFAULTS
from salaries.ingest.errors import IngestError
from salaries.ingest.figures import TO_MONTH
from salaries.ingest.inspection import Inspection, Outcome, inspect_file
from salaries.ingest.mapping_keys import asked
from salaries.wording import counted, shown

# What may stand for a key that is asked, as it is written in JSON.
_CHOICES = {
    "period": [f'"{period}"' for period in TO_MONTH],
    "currency": ['a code such as "USD"'],
    "decimal": ['","', '"."'],
    "defaults.country": ['a name such as "Germany"'],
}
_HEADER_SHOWN = 200


class Command(BaseCommand):
    """`inspect_salary_file FILE [--key KEY] [--keys JSON] [--encoding E] [--country NAME] [--strict]`."""

    help = "Tell how a raw file would be read: columns, defaults, rows before and after, and a mapping to paste."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("file", type=Path, help="the file, or with --key the name it had")
        parser.add_argument("--key", default="", help="take it from this key of the dataset bucket")
        parser.add_argument("--keys", default="{}", help='keys of its source as JSON, such as {"preset": "levels"}')
        parser.add_argument("--encoding", default="utf-8", help="its encoding, as a source declares it")
        parser.add_argument("--country", default=settings.DATASET_COUNTRY, help="keep rows of this country")
        parser.add_argument("--strict", action="store_true", help="fail when something about it is doubtful")

    def handle(self, **options: Any) -> None:
        """Read the file aside from the dataset, and print what was found."""
        try:
            keys = json.loads(options["keys"])
        except ValueError as error:
            raise CommandError(f"The keys of the source are no JSON: {error}.") from error
        if not isinstance(keys, dict):
            raise CommandError("The keys of the source are no JSON object.")
        with tempfile.TemporaryDirectory(prefix="inspect-") as name:
            folder = Path(name)
            try:
                path = self._file(options["file"], options["key"], folder)
                found = inspect_file(
                    path, folder=folder, country=options["country"], encoding=options["encoding"], keys=keys
                )
            except (IngestError, OSError) as error:
                raise CommandError(str(error)) from error
        for line in describe(found):
            self.stdout.write(line)
        if options["strict"] and (found.trouble or found.outcome.doubts):
            raise CommandError(f"{found.name} is doubtful: {'; '.join(found.outcome.doubts) or found.trouble}.")

    def _file(self, path: Path, key: str, folder: Path) -> Path:
        if not key:
            return path
        found = s3_of_settings()
        if found is None:
            raise CommandError("There is no dataset bucket here; leave --key out.")
        bucket, client = found
        target = folder / path.name
        with s3_errors(bucket):
            client.download_file(bucket, key, str(target))
        return target


def describe(found: Inspection) -> list[str]:
    """Return what an inspection tells, line by line."""
    lines = [f"{found.name}: {counted(found.outcome.rows, 'row')}, {counted(len(found.header), 'column')}"]
    if found.trouble:
        lines.append(f"  warning: it {found.trouble}")
    lines += ["", "Taken for"]
    lines += [f"  {name} <- {', '.join(headers)}" for name, headers in found.taken.items()] or ["  nothing"]
    lines += ["Not used", f"  {', '.join(found.unused) or 'nothing'}", *_fate(found.outcome)]
    for number, row in enumerate(found.before, 1):
        lines.append(f"Row {number} of the file: " + _pairs(row))
    lines += _after(found.outcome)
    if found.proposed:
        lines += ["", "Proposed for its source in salary_sources.json, to check and paste:"]
        lines += json.dumps(found.proposed, indent=2, ensure_ascii=False).splitlines()
        for key in asked(found.proposed):
            lines.append(f"  to fill in, since nothing in the file says it: {key}, {_choices(found, key)}")
    if found.with_proposed:
        answers = ", ".join(f"{key} = {answer}" for key, answer in found.answers.items())
        lines += [f"With it{' and ' if answers else ''}{answers}:", *_fate(found.with_proposed)]
        lines += _after(found.with_proposed)
    return lines


def _choices(found: Inspection, key: str) -> str:
    """Return what may be written for a key that is asked, as it would be written."""
    if key.startswith("columns."):
        return f"one of {', '.join(shown(name, limit=_HEADER_SHOWN) for name in found.headers)}"
    columns = [json.dumps({"column": shown(name, limit=_HEADER_SHOWN)}, ensure_ascii=False) for name in found.periods]
    return " or ".join(_CHOICES[key] + (columns if key == "period" else []))


def _after(outcome: Outcome) -> list[str]:
    return [
        f"Row {number} {'that is kept' if number <= outcome.kept else 'of another country'}: {_pairs(row)}"
        for number, row in enumerate(outcome.after, 1)
    ]


def _fate(outcome: Outcome) -> list[str]:
    rejected = sum(outcome.reasons.values())
    lines = [
        f"Rows: {outcome.kept:,} kept + {outcome.elsewhere:,} of other countries + {rejected:,} rejected"
        f" = {outcome.rows:,}"
    ]
    lines += [f"  rejected: {count:,} × {reason}" for reason, count in outcome.reasons.items()]
    lines += [
        f"  assumed: {name} = {DEFAULTS[name]} for {counted(count, 'row')}" for name, count in outcome.assumed.items()
    ]
    return lines + [f"  warning: {said}" for said in outcome.doubts]


def _pairs(row: dict[str, str]) -> str:
    return "  ".join(f"{name}={shown(text)}" for name, text in row.items() if text)
