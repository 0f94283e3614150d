"""The rows of raw files on their way into the table `judged`, piece by piece; `rules.sql` says what becomes of each."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import duckdb
import nanoarrow

from salaries.ingest.columns import ALIASES
from salaries.ingest.engine import quoted, sql_blocks
from salaries.ingest.figures import TWO_READINGS
from salaries.ingest.mapping import SEPARATOR, Batch, Mapping
from salaries.ingest.records import WRONG_BYTE
from salaries.ingest.words import MISSING, ODD_BLANKS, UNSEEN, Reach, seen, shown, spellings
from salaries.models import CURRENCY_LIMIT, TEXT_LIMIT

NOT_IN_ENCODING = "not valid in the file's encoding"
_ROLE = ("role",)
_FIGURES = ("total_compensation", "base_salary_min", "base_salary_max")
# A table is what one thread of DuckDB works on, a piece what one statement does.
_TABLE_ROWS = 8192
_TABLES = 16
_PIECE_BYTES = 16 << 20
_TURN_SECONDS = 0.0002


def define_rules(db: duckdb.DuckDBPyConnection, *, country: str) -> None:
    """Create the macros of the rules and the table of judged rows."""
    missing = ", ".join(map(quoted, ("", *MISSING)))
    constants = {
        "separator()": quoted(SEPARATOR),
        "blanks_around()": quoted(f" *({SEPARATOR}|$) *"),
        "is_missing(x)": f"x IN ({missing})",
        "two_readings()": quoted(TWO_READINGS),
        "text_limit()": TEXT_LIMIT,
        "currency_limit()": CURRENCY_LIMIT,
    }
    for name, value in constants.items():
        db.execute(f"CREATE MACRO {name} AS {value}")
    set_words(db, "always")
    set_file(db, number=0, decimal="")
    db.execute(sql_blocks("rules.sql")["macros"])
    db.execute(f"CREATE MACRO wanted_country() AS country_of({quoted(shown(country))})")
    db.execute(sql_blocks("rules.sql")["table"])


def set_words(db: duckdb.DuckDBPyConnection, reach: Reach) -> None:
    """Let the rules know the words of this reach."""
    for column in ("level", "work_model", "country"):
        known = spellings(column, reach)
        # The words themselves first, as they are written: they are what most rows hold.
        entries = {word: word for word in known.values()} | known
        words = ", ".join(f"{quoted(spelling)}: {quoted(word)}" for spelling, word in entries.items())
        db.execute(f"CREATE OR REPLACE MACRO known_{column}(x) AS MAP {{{words}}}[x]")


def set_file(
    db: duckdb.DuckDBPyConnection,
    *,
    number: int,
    decimal: str,
    header: tuple[str, ...] = (),
    mapping: Mapping | None = None,
) -> None:
    """Tell the rules which file comes next.

    Args:
        db: the connection.
        number: of the file.
        decimal: how it writes decimals: ".", ",", or "" when that is not known.
        header: its header, for rejects that say which columns were looked for.
        mapping: what its source says of its rows.
    """
    db.execute(f"CREATE OR REPLACE MACRO file_number() AS {number}")
    db.execute(f"CREATE OR REPLACE MACRO decimal_mark() AS {quoted(decimal)}")
    chosen = (mapping or Mapping()).chosen(header) if header else {}
    for macro, columns in (("role_hint", _ROLE), ("salary_hint", _FIGURES)):
        choices = [chosen[column] for column in columns if column in chosen]
        if mapping and mapping.band and columns == _FIGURES:
            choices.append(mapping.band)
        looked_for = [name for choice in choices for name in choice.headers] or [
            alias for column in columns for alias in ALIASES[column]
        ]
        found = any(choice.constant for choice in choices) or {*looked_for} & {*header}
        hint = "" if found or not header else _hint(looked_for, header)
        db.execute(f"CREATE OR REPLACE MACRO {macro}() AS {quoted(hint)}")


def _hint(looked_for: list[str], header: tuple[str, ...]) -> str:
    return f"no column {', '.join(looked_for[:4])}; there are: {', '.join(name or '(blank)' for name in header)}"


def judge(db: duckdb.DuckDBPyConnection, rows: Iterable[Batch], header: tuple[str, ...]) -> int:
    """Put `rows`, whose fields are those of `header`, into `judged`, and return how many they are.

    While DuckDB judges one piece, the next is read.
    """
    chunk = _define_raw(db, header)
    db.execute(f"PREPARE judge AS {sql_blocks('rules.sql')['judge']}")
    count = 0
    # A transaction that ends with less than a group of 122,880 rows has DuckDB copy them once more, so a file is one.
    db.begin()
    with _short_turns(), ThreadPoolExecutor(max_workers=1) as beside:
        before: Future[Any] = beside.submit(lambda: None)
        for size, piece in _pieces(rows):
            before.result()
            chunk.rows = piece
            before = beside.submit(db.execute, "EXECUTE judge")
            count += size
        before.result()
    db.commit()
    return count


@contextmanager
def _short_turns() -> Iterator[None]:
    """DuckDB needs the interpreter for a moment with each table; Python by itself lets others wait for 5 ms."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def decimal_mark(db: duckdb.DuckDBPyConnection, rows: Iterable[Batch], header: tuple[str, ...]) -> str:
    """Return the mark before decimals that the figures of `rows` tell beyond doubt, or ""."""
    chunk = _define_raw(db, header)
    dot = comma = False
    for _, chunk.rows in _pieces(rows):
        ((some_dot, some_comma),) = db.execute(sql_blocks("rules.sql")["marks"]).fetchall()
        dot, comma = dot or some_dot, comma or some_comma
    return "" if dot == comma else "." if dot else ","


class _Chunk:
    """What DuckDB reads as `chunk`. It asks for the rows whenever a prepared statement runs, and plans that once."""

    def __init__(self, rows: nanoarrow.Array) -> None:
        self.rows = rows

    def __arrow_c_schema__(self) -> object:
        return self.rows.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.rows.__arrow_c_stream__(requested_schema)


def _define_raw(db: duckdb.DuckDBPyConnection, header: tuple[str, ...]) -> _Chunk:
    """Define the view `raw`; what it reads stands in the chunk that is returned."""
    chosen = ", ".join(f"{_first_value(header, name)} AS {name}" for name in (*ALIASES, "paid", "problem_value"))
    more = f"f[{len(header) + 2}:]"
    problem = (
        "CASE WHEN f[1] <> '' THEN f[1] WHEN contains(text, chr(0)) THEN 'NUL character' "
        f"WHEN contains(text, chr({ord(WRONG_BYTE)})) THEN {quoted(NOT_IN_ENCODING)} "
        f"WHEN len(f) > {len(header) + 1} AND array_to_string({more}, '') <> '' "
        "THEN 'more fields than the header' ELSE '' END"
    )
    db.execute("CREATE OR REPLACE TEMP MACRO fields(x) AS string_split(x, " + quoted(SEPARATOR) + ")")
    columns = f"number, {problem} AS problem, needs_quotes(text) AS may_need_quotes, {chosen}"
    chunk = _Chunk(_table(array("q", [0]), [b""]))
    db.register("chunk", chunk)
    db.execute(
        f"CREATE OR REPLACE TEMP VIEW raw AS SELECT {columns} "  # noqa: S608
        "FROM (SELECT number, text, fields(tidied(text)) AS f FROM chunk)"
    )
    return chunk


def _first_value(header: tuple[str, ...], name: str) -> str:
    columns = [
        f"f[{at + 2}]" for alias in ALIASES.get(name, (name,)) for at, found in enumerate(header) if found == alias
    ]
    if len(columns) == 1:
        return columns[0]
    # There is no place 0. A plain NULL is one that DuckDB 2.0 fails to fold in some expressions.
    return f"coalesce({', '.join(f'given({column})' for column in columns)})" if columns else "f[0]"


def _pieces(rows: Iterable[Batch]) -> Iterator[tuple[int, nanoarrow.Array]]:
    tables: list[nanoarrow.c_array] = []
    count = size = 0
    for numbers, texts in _gathered(rows):
        tables.append(_table(numbers, texts))
        count += len(texts)
        size += sum(map(len, texts))
        if len(tables) == _TABLES or size > _PIECE_BYTES:
            yield count, nanoarrow.Array.from_chunks(tables)
            tables, count, size = [], 0, 0
    if tables:
        yield count, nanoarrow.Array.from_chunks(tables)


def _gathered(rows: Iterable[Batch]) -> Iterator[tuple[array[int], list[bytes]]]:
    numbers, texts = array("q"), list[bytes]()
    for batch in rows:
        numbers.extend(batch.numbers)
        texts.extend(batch.texts)
        while len(texts) >= _TABLE_ROWS:
            yield numbers[:_TABLE_ROWS], texts[:_TABLE_ROWS]
            numbers, texts = numbers[_TABLE_ROWS:], texts[_TABLE_ROWS:]
    if texts:
        yield numbers, texts


def _table(numbers: array[int], texts: list[bytes]) -> nanoarrow.Array:
    """Return rows as a table that DuckDB reads where it lies."""
    data = b"".join(texts)
    text = data.decode()
    # The rules know no blank but a space, and few files have others. Line feeds were taken away with the quotes.
    if odd := [char.encode() for char in ODD_BLANKS + UNSEEN if char in text]:
        texts = [_stripped(each) if any(map(each.__contains__, odd)) else each for each in texts]
        data = b"".join(texts)
    ends = array("i", accumulate(map(len, texts), initial=0))
    columns = {
        "number": nanoarrow.c_array_from_buffers(nanoarrow.int64(), len(texts), [None, memoryview(numbers)]),
        "text": nanoarrow.c_array_from_buffers(nanoarrow.string(), len(texts), [None, memoryview(ends), data]),
    }
    shape = nanoarrow.struct({name: column.schema for name, column in columns.items()})
    return nanoarrow.Array(nanoarrow.c_array_from_buffers(shape, len(texts), [None], children=list(columns.values())))


def _stripped(text: bytes) -> bytes:
    return SEPARATOR.join(map(str.strip, seen(text.decode()).split(SEPARATOR))).encode()
