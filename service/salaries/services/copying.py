"""Rows between files and the database: COPY on PostgreSQL, plain statements on SQLite."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.db import connections

from salaries.ingest.rows import NULL_MARK, ROW_COLUMNS, TEXT_COLUMNS, PreparedRows

_TABLE = "salaries_salaryobservation"
_BATCH = 20_000
_LIVE_COLUMNS = ", ".join((*TEXT_COLUMNS, "base_min_cents", "base_max_cents", "total_cents", "observed_at"))


class _Lines:
    """The prepared lines as a file that COPY reads, with the release id before each; `checksum` is of them without it.

    A line holds no line break inside a field, so a newline always ends a row. `error` is what cut reading short.
    """

    def __init__(self, pieces: Iterator[bytes], release_id: int) -> None:
        self._pieces = pieces
        self._prefix = f"{release_id},".encode()
        self.checksum = hashlib.sha256()
        self.error: BaseException | None = None

    def read(self, _size: int = -1) -> bytes:
        """Return the next lines, whole and as many as come at once; nothing at the end."""
        try:
            piece = next(self._pieces, b"")
        except BaseException as error:
            self.error = error
            raise
        if not piece:
            return b""
        self.checksum.update(piece)
        return self._prefix + piece[:-1].replace(b"\n", b"\n" + self._prefix) + b"\n"


def copy_rows_in(*, using: str, release_id: int, rows: PreparedRows) -> tuple[int, str]:
    """Write the prepared rows as those of `release_id`; return how many the database took, and their checksum."""
    connection = connections[using]
    columns = ", ".join(("release_id", *ROW_COLUMNS))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            lines = _Lines(rows.lines(), release_id)
            statement = f"COPY {_TABLE} ({columns}) FROM STDIN WITH (FORMAT csv, NULL '{NULL_MARK}')"
            try:
                cursor.cursor.copy_expert(statement, lines)
            except Exception as error:
                # The driver's own error only tells that reading failed.
                if lines.error is not None:
                    raise lines.error from error
                raise
            return int(cursor.rowcount), lines.checksum.hexdigest()
        marks = ", ".join(["?"] * (len(ROW_COLUMNS) + 1))
        # The driver's own method: Django's wrapper would translate the statement again for each row.
        insert = cursor.cursor.connection.executemany
        statement = f"INSERT INTO {_TABLE} ({columns}) VALUES ({marks})"  # noqa: S608
        written = insert(statement, ((release_id, *row) for row in rows.values())).rowcount
        return written, rows.checksum()


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
