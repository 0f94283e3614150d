"""Rows between files and the database: COPY on PostgreSQL, plain statements on SQLite."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import duckdb
from django.db import connections

from salaries.ingest.engine import quoted, quoted_file
from salaries.ingest.rows import NULL_MARK, ROW_COLUMNS, TEXT_COLUMNS

_TABLE = "salaries_salaryobservation"
_BATCH = 20_000
_LIVE_COLUMNS = ", ".join((*TEXT_COLUMNS, "base_min_cents", "base_max_cents", "total_cents", "observed_at"))


class WithPrefix:
    """A file whose every line starts with `prefix`: how the release id gets into rows that are the same without it.

    Prepared rows hold no line breaks inside fields, so a newline always ends a row.
    """

    def __init__(self, handle: IO[bytes], prefix: bytes) -> None:
        self._handle = handle
        self._prefix = prefix
        self._at_line_start = True

    def read(self, size: int = -1) -> bytes:
        """Return about `size` bytes of the file, and the prefixes that fall into them."""
        chunk = self._handle.read(size)
        if not chunk:
            return b""
        head = self._prefix if self._at_line_start else b""
        self._at_line_start = chunk.endswith(b"\n")
        body = chunk[:-1] if self._at_line_start else chunk
        tail = b"\n" if self._at_line_start else b""
        return head + body.replace(b"\n", b"\n" + self._prefix) + tail


def copy_rows_in(*, using: str, release_id: int, path: Path, db: duckdb.DuckDBPyConnection) -> int:
    """Write the prepared rows of `path` as rows of `release_id`; return how many the database says it took."""
    connection = connections[using]
    columns = ", ".join(("release_id", *ROW_COLUMNS))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with path.open("rb") as handle:
                statement = f"COPY {_TABLE} ({columns}) FROM STDIN WITH (FORMAT csv, NULL '{NULL_MARK}')"
                cursor.cursor.copy_expert(statement, WithPrefix(handle, f"{release_id},".encode()), size=1 << 18)
            return int(cursor.rowcount)
        marks = ", ".join(["?"] * (len(ROW_COLUMNS) + 1))
        # The driver's own method: Django's wrapper would translate the statement again for each row.
        insert = cursor.cursor.connection.executemany
        statement = f"INSERT INTO {_TABLE} ({columns}) VALUES ({marks})"  # noqa: S608
        return sum(insert(statement, ((release_id, *row) for row in batch)).rowcount for batch in _batches(db, path))


def _batches(db: duckdb.DuckDBPyConnection, path: Path) -> Iterator[list[tuple[Any, ...]]]:
    types = {name: "VARCHAR" if name in TEXT_COLUMNS else "BIGINT" for name in ROW_COLUMNS} | {"observed_at": "VARCHAR"}
    rows = db.execute(
        f"SELECT * FROM read_csv({quoted_file(path)}, header = false, nullstr = {quoted(NULL_MARK)}, "  # noqa: S608
        f"auto_detect = false, allow_quoted_nulls = false, delim = ',', quote = '\"', escape = '\"', "
        f"columns = {types!r})"
    )
    while batch := rows.fetchmany(_BATCH):
        yield batch


def copy_rows_out(*, using: str, release_id: int, path: Path) -> None:
    """Write the rows of `release_id` to `path`, in order: text columns, cents, date; no header."""
    connection = connections[using]
    query = f"SELECT {_LIVE_COLUMNS} FROM {_TABLE} WHERE release_id = {int(release_id)} ORDER BY position"  # noqa: S608
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with path.open("wb") as handle:
                cursor.cursor.copy_expert(f"COPY ({query}) TO STDOUT WITH (FORMAT csv)", handle)
            return
        cursor.execute(query)
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            while batch := cursor.fetchmany(_BATCH):
                writer.writerows(batch)
