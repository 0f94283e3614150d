"""DuckDB as the pipeline uses it: bounded memory, spilling into the run's scratch folder, SQL from one text."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import nanoarrow

MEMORY_LIMIT = "600MB"
_LARGE_BYTES = 150_000_000
_BLOCK = "-- block:"
_FETCHED_ROWS = 20_000


@contextlib.contextmanager
def engine(folder: Path, *, sorted_bytes: int = 0) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a DuckDB connection that may sort about `sorted_bytes`; what memory does not hold goes to `folder`."""
    # Tables on disk are compressed, which leaves a large sort more memory; all else would only wait for it.
    large = sorted_bytes > _LARGE_BYTES
    connection = duckdb.connect(str(folder / "work.duckdb") if large else ":memory:")
    try:
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        # One more than there are processors: while its rows are fetched, one thread is busy with them.
        connection.execute(f"SET threads = {(os.cpu_count() or 1) + 1}")
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute("SET preserve_insertion_order = true")
        # DuckDB would turn a list of IN into a join, and a join hands on rows in whatever order its threads finish.
        # What stands twice behind a cheap test it would work out once for every row, and few rows come there.
        connection.execute("SET disabled_optimizers = 'in_clause, common_subexpressions'")
        # Trying every compression on every column costs more than the best one saves.
        connection.execute("SET force_compression = 'dict_fsst'")
        connection.execute(f"SET temp_directory = {quoted(folder / 'overflow')}")
        yield connection
    finally:
        connection.close()


def batches(rows: duckdb.DuckDBPyRelation) -> Iterator[nanoarrow.Array]:
    """Run a query and yield its rows in Arrow batches, in order, as they are made.

    Raises:
        duckdb.Error: the query failed, at its beginning or on the way.
    """
    try:
        yield from nanoarrow.ArrayStream(rows).iter_chunks()
    except RuntimeError as error:
        # Arrow passes on the words of what went wrong, but not its class.
        raise duckdb.Error(re.sub(r"^ArrowArrayStream::\w+\(\) failed \(\d+\): ", "", str(error))) from error


def fetched(rows: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of an executed statement without holding all of them."""
    while some := rows.fetchmany(_FETCHED_ROWS):
        yield from some


@cache
def sql_blocks(name: str) -> dict[str, str]:
    """Return the named statements of an SQL file beside this module."""
    blocks: dict[str, str] = {}
    for part in (Path(__file__).parent / name).read_text(encoding="utf-8").split(_BLOCK)[1:]:
        title, _, body = part.partition("\n")
        blocks[title.strip()] = body.strip()
    return blocks


def quoted(text: object) -> str:
    """Return `text` as an SQL string literal, for the places where DuckDB takes no parameter."""
    return "'" + str(text).replace("'", "''") + "'"


def csv_rows(
    path: Path, columns: dict[str, str], *, header: bool = True, delimiter: str = ",", options: str = ""
) -> str:
    """Return the SQL that reads this one CSV file: nothing in its path is a pattern, and no folder `k=v` a column."""
    named = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in columns.items())
    return (
        f"read_csv({_quoted_file(path)}, hive_partitioning = false, auto_detect = false, "
        f"header = {str(header).lower()}, delim = {quoted(delimiter)}, quote = '\"', escape = '\"', "
        f"columns = {{{named}}}{options})"
    )


def _quoted_file(path: Path) -> str:
    return quoted(re.sub(r"[*?\[]", r"[\g<0>]", str(path)))
