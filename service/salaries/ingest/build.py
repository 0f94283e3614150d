"""Build the canonical CSV from every raw file, with an account of each row.

Rows in = rows out + duplicates + filtered by country + rejected; the build fails when that does not hold, and the
canonical file is replaced only after it does.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from salaries.ingest.columns import ALIASES
from salaries.ingest.engine import engine, quoted, quoted_file, sql_blocks
from salaries.ingest.errors import IngestError
from salaries.ingest.inspect import RawFile, glance_at, look_through
from salaries.ingest.rewrite import rewrite_plain
from salaries.ingest.workspace import exclusive, replace_file, scratch
from salaries.models import CURRENCY_LIMIT, TEXT_LIMIT

CANONICAL_NAME = "salaries.csv"
REJECTS_NAME = "rejects.csv"
REPORT_NAME = "salaries.build.json"


@dataclass(frozen=True)
class BuildReport:
    """What a build did. `files` maps a raw file's name to its SHA-256 and rows."""

    rows_in: int
    rows_out: int
    duplicates: int
    other_country: int
    rejected: int
    reasons: dict[str, int]
    unreadable_dates: int
    checksum: str
    country: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Return the sum every row is part of, as it is printed."""
        return (
            f"{self.rows_in} rows in = {self.rows_out} rows out + {self.duplicates} duplicates + "
            f"{self.other_country} of other countries + {self.rejected} rejected"
        )

    def holds(self) -> bool:
        """Tell whether no row is missing from the account."""
        return self.rows_in == self.rows_out + self.duplicates + self.other_country + self.rejected


def raw_files(raw_dir: Path) -> list[Path]:
    """Return every CSV under `raw_dir`, subfolders included, ordered by path. Hidden files are the pipeline's own.

    Raises:
        IngestError: a name is not UTF-8, so neither the list of rejects nor DuckDB could hold it.
    """
    found = [
        path
        for path in raw_dir.rglob("*")
        if path.name.lower().endswith((".csv", ".csv.gz"))
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(raw_dir).parts)
    ]
    unnamable = next((path for path in found if not _is_text(str(path))), None)
    if unnamable is not None:
        raise IngestError(f"The name of the raw file {str(unnamable)!a} is not valid UTF-8; rename it.")
    return sorted(found, key=lambda path: path.relative_to(raw_dir).as_posix())


def _is_text(name: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in name)


def build_dataset(*, data_dir: Path, country: str, encodings: dict[str, str]) -> BuildReport:
    """Write the canonical CSV, the rejects and the report under `data_dir`.

    Args:
        data_dir: holds `raw/`; the results are replaced in it atomically.
        country: rows of other countries are left out, without regard to case.
        encodings: declared encodings by raw file, relative to `raw/`; UTF-8 for the rest.

    Raises:
        IngestError: there is no raw file, one can't be read, or the account of rows does not add up.
    """
    raw_dir = data_dir / "raw"
    paths = raw_files(raw_dir)
    if not paths:
        raise IngestError(f"There is no CSV under {raw_dir}; run fetch_salary_sources or put files there first.")
    size = sum(path.stat().st_size for path in paths)
    with (
        exclusive(data_dir / ".build.lock"),
        scratch(data_dir, "build") as folder,
        engine(folder, input_bytes=size) as db,
    ):
        db.execute(sql_blocks("normalise.sql")["macros"])
        db.execute("CREATE TABLE files (number INTEGER, name VARCHAR, first_row BIGINT)")
        files: dict[str, dict[str, Any]] = {}
        for number, path in enumerate(paths):
            name = path.relative_to(raw_dir).as_posix()
            raw = glance_at(path, name=name, encoding=encodings.get(name, "utf-8"))
            with ThreadPoolExecutor(max_workers=1) as beside:
                checksum = beside.submit(_sha256, path)
                rows = _stage(db, raw, number=number, country=country, folder=folder)
            files[name] = {"sha256": checksum.result(), "rows": rows}
        return _finish(db, files=files, data_dir=data_dir, folder=folder, country=country)


def _stage(db: duckdb.DuckDBPyConnection, raw: RawFile, *, number: int, country: str, folder: Path) -> int:
    """Normalise one raw file into `staged` and return its number of rows, counted apart from DuckDB."""
    if not raw.header:
        return 0
    rows = _stage_rows(db, raw, number=number, country=country, folder=folder)
    first_row = "(SELECT min(rowid) FROM staged WHERE file = $number)"
    statement = f"INSERT INTO files VALUES ($number, $name, {first_row})"  # noqa: S608
    db.execute(statement, {"number": number, "name": raw.name})
    return rows


def _stage_rows(db: duckdb.DuckDBPyConnection, raw: RawFile, *, number: int, country: str, folder: Path) -> int:
    if raw.plain:
        # The look takes a third of the time that DuckDB does, so a guess that proves wrong is cheap.
        with ThreadPoolExecutor(max_workers=1) as beside:
            look = beside.submit(look_through, raw)
            try:
                staged = _insert(db, _plain_view(raw), number=number, country=country)
            except duckdb.Error:
                staged = -1
        raw = look.result()
        if raw.plain and staged == raw.rows:
            return raw.rows
        # DuckDB saw something else than one row a line: take the careful path instead.
        db.execute("DELETE FROM staged WHERE file = ?", [number])
    rewritten = folder / f"{number}.csv"
    rows = rewrite_plain(raw, rewritten)
    if rows and _insert(db, _rewritten_view(raw, rewritten), number=number, country=country) != rows:
        raise IngestError(f"{raw.name} could not be read completely: some of its {rows} rows got lost on the way.")
    rewritten.unlink()
    return rows


def _insert(db: duckdb.DuckDBPyConnection, view: str, *, number: int, country: str) -> int:
    db.execute(view)
    db.execute(sql_blocks("normalise.sql")["stage"], {"file": number, "country": country})
    return _one(db, f"SELECT count(*) FROM staged WHERE file = {number}")  # noqa: S608


def _plain_view(raw: RawFile) -> str:
    columns = {f"c{index}": "VARCHAR" for index in range(len(raw.header))}
    # A lone text column would lose its empty lines to the reader; such a file has no figures anyway.
    source = (
        f"read_csv({quoted_file(raw.path)}, header = true, auto_detect = false, delim = {quoted(raw.delimiter)}, "
        f"quote = '\"', escape = '\"', columns = {columns!r}, null_padding = true, max_line_size = 1048576)"
    )
    return _view(raw, f"SELECT NULL::BIGINT AS line, '' AS problem, * FROM {source}")  # noqa: S608


def _rewritten_view(raw: RawFile, path: Path) -> str:
    columns = {"line": "BIGINT", "problem": "VARCHAR"} | {f"c{i}": "VARCHAR" for i in range(len(raw.header))}
    source = (
        f"read_csv({quoted_file(path)}, header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
        f"columns = {columns!r}, parallel = false, max_line_size = 4194304)"
    )
    return _view(raw, f"SELECT * REPLACE (coalesce(problem, '') AS problem) FROM {source}")  # noqa: S608


def _view(raw: RawFile, rows: str) -> str:
    chosen = ", ".join(f"{_first_value(raw.header, aliases)} AS {name}" for name, aliases in ALIASES.items())
    return f"CREATE OR REPLACE TEMP VIEW raw AS SELECT line, problem, {chosen} FROM ({rows})"  # noqa: S608


def _first_value(header: tuple[str, ...], aliases: tuple[str, ...]) -> str:
    columns = [f"c{index}" for alias in aliases for index, name in enumerate(header) if name == alias]
    # DuckDB's trim takes Unicode's spaces; files with other blanks, such as tabs, go through `rewrite`, which strips.
    stripped = [f"clean({column})" for column in columns]
    return f"coalesce({', '.join(stripped)})" if stripped else "NULL::VARCHAR"


def _finish(
    db: duckdb.DuckDBPyConnection, *, files: dict[str, dict[str, Any]], data_dir: Path, folder: Path, country: str
) -> BuildReport:
    blocks = sql_blocks("normalise.sql")
    db.execute(blocks["long"], {"text_limit": TEXT_LIMIT, "currency_limit": CURRENCY_LIMIT})
    db.execute(blocks["finish"])
    canonical, rejects = folder / CANONICAL_NAME, folder / REJECTS_NAME
    options = "FORMAT csv, HEADER, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULL ''"
    db.execute(f"COPY ({blocks['canonical']}) TO {quoted(canonical)} ({options})")
    db.execute(f"COPY ({blocks['rejects']}) TO {quoted(rejects)} ({options})")
    total, kept, duplicates, elsewhere, rejected, undated = db.execute(blocks["counts"]).fetchall()[0]
    report = BuildReport(
        rows_in=sum(file["rows"] for file in files.values()),
        rows_out=kept,
        duplicates=duplicates,
        other_country=elsewhere,
        rejected=rejected,
        reasons=dict(db.execute(blocks["reasons"]).fetchall()),
        unreadable_dates=undated,
        checksum=_sha256(canonical),
        country=country,
        files=files,
    )
    if not report.holds() or total != report.rows_in:
        raise IngestError(f"The account of rows does not add up, so nothing was replaced: {report.identity}.")
    written = folder / REPORT_NAME
    written.write_text(json.dumps(asdict(report), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for path in (rejects, canonical, written):
        replace_file(path, data_dir / path.name)
    return report


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(db.execute(query).fetchall()[0][0])


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
