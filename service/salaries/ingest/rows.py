"""Prepare a canonical CSV for the database: merge it into the live rows when appending, check, sort, count.

The SHA-256 of the sorted rows in COPY's CSV form, without a release id, names them, whatever their order was.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from salaries.ingest.columns import CANONICAL, MONEY_COLUMNS
from salaries.ingest.engine import batches, csv_rows, fetched, quoted, sql_blocks
from salaries.ingest.errors import IngestError
from salaries.models import CURRENCY_LIMIT, TEXT_LIMIT

FACET_FIELDS = ("role", "location", "country", "state", "level", "currency", "work_model")
TEXT_COLUMNS = ("source", "role", "level", "location", "state", "country", "currency", "work_model")
# Columns of the prepared rows, in order; they are the observation table's without the release.
ROW_COLUMNS = ("position", *TEXT_COLUMNS, "base_min_cents", "base_max_cents", "total_cents", "observed_at")
# A missing date is written as this, so that an empty text needs no quotes to be one.
NULL_MARK = "\\N"


@dataclass(frozen=True)
class PreparedRows:
    """Rows ready to be loaded. `facets` are (column, distinct value); `sources` counts rows by source."""

    db: duckdb.DuckDBPyConnection
    row_count: int
    sources: dict[str, int]
    facets: list[tuple[str, str]]

    def lines(self) -> Iterator[bytes]:
        """Yield the rows in COPY's CSV form without a release id, sorted, in pieces of whole lines.

        Raises:
            duckdb.Error: there is no room to sort them.
        """
        for batch in batches(self.db.sql(sql_blocks("rows.sql")["lines"])):
            yield bytes(batch.child(0).buffer(2))

    def values(self) -> Iterator[tuple[Any, ...]]:
        """Yield the same rows as tuples of `ROW_COLUMNS`."""
        return fetched(self.db.execute("SELECT * REPLACE (observed_at::VARCHAR AS observed_at) FROM sorted"))

    def checksum(self) -> str:
        """Return the SHA-256 of the lines: it names the rows, whatever their order was."""
        digest = hashlib.sha256()
        for piece in self.lines():
            digest.update(piece)
        return digest.hexdigest()


def prepare_rows(db: duckdb.DuckDBPyConnection, *, canonical: Path, live: Path | None) -> PreparedRows:
    """Return the rows of `canonical`, or those of `live` and then the new ones of `canonical`.

    Args:
        db: an engine of this run.
        canonical: a file with the canonical columns in any order.
        live: rows of the active release as `export` writes them (text columns, cents, date; no header), or None.

    Raises:
        IngestError: the file lacks columns or holds a row that no build would have let through.
    """
    db.execute(sql_blocks("rows.sql")["macros" if _holds(canonical, b'"') else "macros without quotes"])
    _read_canonical(db, canonical, table="rows" if live is None else "incoming")
    if live is not None:
        _read_live(db, live)
        db.execute(sql_blocks("rows.sql")["merge"])
    limits = {"currency_limit": CURRENCY_LIMIT, "text_limit": TEXT_LIMIT}
    broken = int(db.execute(sql_blocks("rows.sql")["broken"], limits).fetchall()[0][0])
    if broken:
        raise IngestError(f"{canonical.name} holds {broken:,} rows that break the dataset's rules; build it again.")
    db.execute(sql_blocks("rows.sql")["sorted"])
    db.execute(f"CREATE TEMP MACRO null_mark() AS {quoted(NULL_MARK)}")
    db.execute(sql_blocks("rows.sql")["line macro"])
    sources = dict(db.execute("SELECT source, count(*) FROM rows GROUP BY source ORDER BY source").fetchall())
    facets = [
        (name, str(value))
        for name in FACET_FIELDS
        for (value,) in db.execute(f"SELECT DISTINCT {name} FROM rows WHERE {name} <> '' ORDER BY 1").fetchall()  # noqa: S608
    ]
    return PreparedRows(db, sum(sources.values()), sources, facets)


def _holds(path: Path, what: bytes) -> bool:
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(what) >= 0


def _read_canonical(db: duckdb.DuckDBPyConnection, canonical: Path, *, table: str) -> None:
    try:
        header = canonical.open(encoding="utf-8-sig").readline().strip().lower().split(",")
    except (OSError, UnicodeDecodeError) as error:
        raise IngestError(f"{canonical} can't be read ({error}); run build_salary_dataset first.") from error
    missing = [name for name in CANONICAL if name not in header]
    if missing:
        raise IngestError(f"{canonical.name} lacks the columns {', '.join(missing)}; run build_salary_dataset first.")
    # SQLite would take it and PostgreSQL would not.
    if _holds(canonical, b"\0"):
        raise IngestError(f"{canonical.name} holds a NUL character, which no build lets through; build it again.")
    types = (
        dict.fromkeys(CANONICAL, "VARCHAR") | dict.fromkeys(MONEY_COLUMNS, "DECIMAL(12, 2)") | {"observed_at": "DATE"}
    )
    columns = {name: types.get(name, "VARCHAR") for name in header}
    source = csv_rows(canonical, columns, options=", dateformat = '%Y-%m-%d'")
    try:
        db.execute(f"CREATE TABLE {table} AS SELECT {sql_blocks('rows.sql')['columns']} FROM {source}")  # noqa: S608
    except duckdb.Error as error:
        raise IngestError(f"{canonical.name} is no canonical CSV: {str(error).splitlines()[0]}") from error


def _read_live(db: duckdb.DuckDBPyConnection, live: Path) -> None:
    columns = dict.fromkeys(TEXT_COLUMNS, "VARCHAR") | dict.fromkeys(MONEY_COLUMNS, "BIGINT") | {"observed_at": "DATE"}
    source = csv_rows(live, columns, header=False)
    money = ", ".join(
        f"({name}::DECIMAL(14, 0) * 0.01::DECIMAL(2, 2))::DECIMAL(12, 2) AS {name}" for name in MONEY_COLUMNS
    )
    chosen = sql_blocks("rows.sql")["columns"]
    db.execute(f"CREATE TABLE rows AS SELECT {chosen} FROM (SELECT * REPLACE ({money}) FROM {source})")  # noqa: S608
