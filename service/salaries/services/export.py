"""Write the dashboard as static files that need no API: one page, one script, data as scripts, one a role.

Browsers refuse modules and fetch on `file://`, hence classic scripts that call a function with their data. Two
exports of one release are the same to the byte: nothing in them depends on when or where they were made.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from django.db import connections

from salaries.dashboard import PREVIEW, SCRIPTS, STYLE, page_file, render_page
from salaries.ingest.errors import IngestError
from salaries.plain import plain_parts
from salaries.selectors.catalogue import catalogue_payload
from salaries.selectors.facets import filters_payload
from salaries.selectors.releases import Release
from salaries.wording import counted

BYTES_LIMIT = 50_000_000
# Left out in this order when the data would be larger than the limit.
_EXPENDABLE = ("quarter", "work_model", "level", "state")
_DIMENSIONS = ("currency", "state", "level", "work_model", "location", "source", "quarter")
_QUERY = """
SELECT currency, state, level, work_model, location, source, observed_at, total_cents
FROM salaries_salaryobservation WHERE release_id = %s AND role = %s
"""
# The hash in the name of what an export wrote; other files in the folder are somebody else's.
_HASH_LENGTH = 12
_HASH_PATTERN = "[0-9a-f]" * _HASH_LENGTH
Row = tuple[Any, ...]


@dataclass(frozen=True)
class ExportResult:
    """What was written: how many files, their size, and what had to be left out of the data."""

    release: int
    files: int
    size: int
    left_out: tuple[str, ...]

    def describe(self) -> str:
        """Return the line that tells what an export wrote."""
        line = f"release r{self.release}, {counted(self.files, 'file')}, {self.size:,} bytes"
        if self.left_out:
            names = ["dates" if name == "quarter" else f"filter {name}" for name in self.left_out]
            line += f"; left out to stay below the limit: {', '.join(names)}"
        return line


def dashboard_export(*, release: Release, target: Path, filename: str, limit: int = BYTES_LIMIT) -> ExportResult:
    """Write the bundle of `release` to `target`, replacing an earlier one.

    Files whose content changes have their hash in their name; only the page keeps its name, and it is written last.

    Raises:
        IngestError: a static file is missing, or even without any filter the data is above `limit` bytes.
    """
    target.mkdir(parents=True, exist_ok=True)
    fresh = target / ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "data").mkdir(parents=True)
    left_out, files = _write_roles(release, fresh, limit)
    # Pairs, since a role named __proto__ would be no property of an object in a script.
    catalogue = catalogue_payload(release=release)
    index = {"release": release.tag, "catalogue": catalogue, "files": list(files.items()), "left_out": left_out}
    script = f"window.salaryIndex={_script_json(index)};\n".encode()
    scripts = [_place(fresh, "data/index", ".js", script)]
    scripts.append(_place(fresh, "dashboard", ".js", b"".join(_static(name) for name in SCRIPTS)))
    style = _place(fresh, "dashboard", ".css", _static(STYLE))
    # A preview is shown by whoever fetches the page, by a name that stays.
    (fresh / PREVIEW).write_bytes(_static(PREVIEW))
    page = render_page(style=style, scripts=scripts, mode="static", origin="", plain=plain_parts(release)).encode()
    written = [path for path in fresh.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in written) + len(page)
    _publish(fresh, target, page, filename)
    return ExportResult(release.id, len(written) + 1, size, tuple(left_out))


def _publish(fresh: Path, target: Path, page: bytes, filename: str) -> None:
    """Move the files into place, then the page, then drop files that no page names any more."""
    kept = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    (target / "data").mkdir(exist_ok=True)
    for path in sorted(kept):
        (fresh / path).replace(target / path)
    shutil.rmtree(fresh)
    partial = target / f".{filename}.new"
    partial.write_bytes(page)
    partial.replace(target / filename)
    for stem in ("data/*", "chart", "dashboard"):
        for path in target.glob(f"{stem}.{_HASH_PATTERN}.*"):
            if path.relative_to(target) not in kept:
                path.unlink()


def _write_roles(release: Release, fresh: Path, limit: int) -> tuple[list[str], dict[str, str]]:
    """Write one file a role; when they get too large, start again with one filter less."""
    for count in range(len(_EXPENDABLE) + 1):
        left_out = list(_EXPENDABLE[:count])
        size, files = 0, {}
        for role in filters_payload(release=release)["roles"]:
            body = f"salaryRole({_script_json(role)},{_script_json(_role_data(release, role, left_out))});\n".encode()
            size += len(body)
            if size > limit:
                break
            files[role] = _place(fresh, f"data/{hashlib.sha256(role.encode()).hexdigest()[:10]}", ".js", body)
        else:
            return left_out, files
        shutil.rmtree(fresh / "data")
        (fresh / "data").mkdir()
    raise IngestError(
        f"The data is above {limit:,} bytes even without any filter; export_dashboard takes a higher --max-bytes."
    )


def _role_data(release: Release, role: str, left_out: list[str]) -> dict[str, Any]:
    with connections[release.using].cursor() as cursor:
        cursor.execute(_QUERY, [release.id, role])
        rows = [_blanked((*row[:6], _quarter(row[6]), row[7]), left_out) for row in cursor.fetchall()]
    # Blanking a filter may bring equal groups together, and databases may sort by locale: the order is made here.
    rows.sort()
    values = [sorted({row[position] for row in rows}) for position in range(len(_DIMENSIONS))]
    positions = [{value: place for place, value in enumerate(column)} for column in values]
    unit = math.gcd(*(row[-1] for row in rows)) or 1
    numbers = list(_numbers(rows, positions, unit))
    return {"unit": unit, "values": dict(zip(_DIMENSIONS, values, strict=True)), "groups": numbers}


def _quarter(day: Any) -> str:
    """Return the quarter of a date, which SQLite may hand over as a text, as `2026-Q1`; nothing for none."""
    year, _, month = str(day or "")[:7].partition("-")
    return f"{year}-Q{(int(month) + 2) // 3}" if month else ""


def _blanked(row: Row, left_out: list[str]) -> Row:
    if not left_out:
        return row
    kept = ("" if name in left_out else value for name, value in zip(_DIMENSIONS, row, strict=False))
    return (*kept, row[-1])


def _numbers(rows: list[Row], positions: list[dict[str, int]], unit: int) -> Iterator[int]:
    """Yield the runs of numbers that the page's script reads; its head comment describes them."""
    for key, group in groupby(rows, key=lambda row: row[:-1]):
        totals = [row[-1] // unit for row in group]
        yield from (column[value] for column, value in zip(positions, key, strict=True))
        yield len(totals)
        yield from _steps(totals)


def _steps(values: Iterable[int]) -> Iterator[int]:
    before = 0
    for value in values:
        yield value - before
        before = value


def _script_json(value: Any) -> str:
    """Return JSON that is safe inside a script file: no early end of script, no line separator of old JavaScript."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def _place(folder: Path, stem: str, suffix: str, body: bytes) -> str:
    name = f"{stem}.{hashlib.sha256(body).hexdigest()[:_HASH_LENGTH]}{suffix}"
    (folder / name).write_bytes(body)
    return name


def _static(name: str) -> bytes:
    try:
        return page_file(name)
    except OSError as error:
        raise IngestError(f"The file {name} is missing from this installation.") from error
