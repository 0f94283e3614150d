"""What becomes of the rows of a build: a line of the canonical file, a line of the rejects, or a number in the account.

DuckDB hands rows on in Arrow batches, where the lines of a batch lie end to end in one piece of memory. So a batch is
written in one go, and no row becomes a Python object unless something is wrong with it.
"""

from __future__ import annotations

import csv
import operator
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import duckdb
import nanoarrow

from salaries.ingest.columns import CANONICAL, DUPLICATE_KEY
from salaries.ingest.engine import fetched, sql_blocks
from salaries.ingest.workspace import sha256_of

_HEADER = (",".join(CANONICAL) + "\n").encode()
_FIRST_LINE = 2  # of a raw file's rows, below the header
# What the rules say of a row, in the column `fate`.
_KEPT, _UNDATED, _ELSEWHERE, _REJECTED = (bytes([number]) for number in range(4))
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_BLOCK_BYTES = 1 << 20
_SAMPLES = 3  # of each reason
_NOTED_AT_ONCE = 8  # batches, of about 2 MB each
_key = operator.itemgetter(*(CANONICAL.index(name) for name in DUPLICATE_KEY))


class Reject(NamedTuple):
    """A rejected row as the list of rejects has it; the texts stand as they are safe in a spreadsheet."""

    file: str
    line: int
    reason: str
    value: str


@dataclass
class Account:
    """How many rows went where; `elsewhere` are those of other countries, `samples` the first rejects by reason."""

    rows: int = 0
    kept: int = 0
    elsewhere: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[Reject]] = field(default_factory=dict)

    def note_reject(self, reject: Reject) -> None:
        """Count a rejected row, and keep it if it is among the first of its reason."""
        self.reasons[reject.reason] += 1
        self._keep(reject)

    def _keep(self, reject: Reject) -> None:
        kept = self.samples.setdefault(reject.reason, [])
        if len(kept) < _SAMPLES:
            kept.append(reject)

    def add(self, other: Account) -> None:
        """Take the rows of `other` in."""
        self.rows += other.rows
        self.kept += other.kept
        self.elsewhere += other.elsewhere
        self.reasons += other.reasons
        for rejects in other.samples.values():
            for reject in rejects:
                self._keep(reject)


class Place(NamedTuple):
    """How far a ledger's two files were written, in bytes."""

    canonical: int
    rejects: int


class Closed(NamedTuple):
    """What closing a ledger told: how many duplicates went, rows that stay without their date, the file's SHA-256."""

    duplicates: int
    undated: int
    checksum: str


class Ledger:
    """The files of a build as they grow.

    Args:
        db: the engine of the run; rows may be read from it while they are written, since this is a second connection.
        canonical: where the file of the kept rows is made.
        rejects: where the file of the rejected rows is made.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, *, canonical: Path, rejects: Path) -> None:
        self._db = db.cursor()
        self._db.execute(sql_blocks("normalise.sql")["kept"])
        self._notes: list[nanoarrow.Array] = []
        self._path = canonical
        self._canonical = canonical.open("w+b")
        self._canonical.write(_HEADER)
        self._rejects = rejects.open("w", encoding="utf-8", newline="")
        self._rejected = csv.writer(self._rejects, lineterminator="\n")
        self._rejected.writerow(Reject._fields)

    def place(self) -> Place:
        """Return where the next row goes, for `rewind`."""
        return Place(self._canonical.tell(), self._rejects.tell())

    def rewind(self, place: Place) -> None:
        """Forget every row written since `place` was taken."""
        self._canonical.seek(place.canonical)
        self._canonical.truncate()
        self._rejects.seek(place.rejects)
        self._rejects.truncate()
        self._store_notes()
        self._db.execute("DELETE FROM kept WHERE start >= ?", [place.canonical])

    def write(self, rows: Iterable[nanoarrow.Array], *, name: str) -> Account:
        """Write batches of what the block `rows` of normalise.sql yields for the raw file `name`.

        When they fail or end early, what was written so far stays until `rewind`.
        """
        account, shown = Account(), _for_spreadsheets(name)
        for batch in rows:
            line, mark, number, problem, detail, fate = batch.iter_children()
            self._note_kept(line, mark, fate)
            self._canonical.write(line.buffer(2))
            fates = bytes(fate.buffer(1))
            numbers = memoryview(number.buffer(1))
            for match in re.finditer(_REJECTED, fates):
                index = match.start()
                where = numbers[index] or account.rows + index + _FIRST_LINE
                reject = Reject(shown, where, _text(problem, index), _for_spreadsheets(_text(detail, index)))
                self._rejected.writerow(reject)
                account.note_reject(reject)
            account.rows += len(batch)
            account.kept += fates.count(_KEPT) + fates.count(_UNDATED)
            account.elsewhere += fates.count(_ELSEWHERE)
        return account

    def close(self) -> Closed:
        """Leave out every row but its first copy, and close the files."""
        self._rejects.close()
        self._canonical.flush()
        self._store_notes()
        repeats = array("Q", self._repeats())
        ((undated,),) = self._db.execute("SELECT count(*) FROM kept WHERE undated").fetchall()
        undated -= self._leave_out(repeats)
        with ThreadPoolExecutor(max_workers=1) as beside:
            checksum = beside.submit(sha256_of, self._path)
            # The file has to reach the disk before it replaces another one; it may do so while it is hashed.
            os.fsync(self._canonical.fileno())
        self._canonical.close()
        return Closed(len(repeats), undated, checksum.result())

    def _note_kept(self, line: nanoarrow.Array, mark: nanoarrow.Array, fate: nanoarrow.Array) -> None:
        ends = memoryview(line.buffer(1))
        rows = len(ends) - 1
        columns = {
            "mark": (nanoarrow.uint64(), memoryview(mark.buffer(1))),
            "first": (nanoarrow.uint64(), memoryview(array("Q", [self._canonical.tell()]) * rows)),
            "start": (nanoarrow.int32(), ends[:-1]),
            "stop": (nanoarrow.int32(), ends[1:]),
            "fate": (nanoarrow.uint8(), memoryview(fate.buffer(1))),
        }
        self._notes.append(_table(rows, columns))
        if len(self._notes) >= _NOTED_AT_ONCE:
            self._store_notes()

    def _store_notes(self) -> None:
        if self._notes:
            self._db.register("notes", nanoarrow.Array.from_chunks(self._notes))
            self._db.execute(sql_blocks("normalise.sql")["note"])
            self._notes.clear()

    def _repeats(self) -> Iterator[int]:
        """Yield where each row begins that an earlier one is a copy of."""
        suspects = fetched(self._db.execute(sql_blocks("normalise.sql")["suspects"]))
        for _, alike in groupby(suspects, key=operator.itemgetter(0)):
            seen = set()
            for _, start, size in alike:
                text = os.pread(self._canonical.fileno(), size, start).decode()
                key = _key(next(csv.reader([text])))
                if key in seen:
                    yield start
                seen.add(key)

    def _leave_out(self, repeats: array[int]) -> int:
        """Close the gaps that the rows beginning at `repeats` leave in the canonical file.

        Returns:
            How many of these had lost their date.
        """
        self._db.register("repeats", _table(len(repeats), {"start": (nanoarrow.uint64(), memoryview(repeats))}))
        undated_repeats = position = end = 0
        for start, size, undated in fetched(self._db.execute(sql_blocks("normalise.sql")["repeats"])):
            end = self._move(position, start, end)
            position = start + size
            undated_repeats += undated
        self._canonical.truncate(self._move(position, self._canonical.tell(), end))
        return undated_repeats

    def _move(self, start: int, stop: int, target: int) -> int:
        """Move the bytes from `start` up to `stop` to `target`, which is no later, and return where they end then."""
        if start == target:
            return stop
        while start < stop:
            piece = os.pread(self._canonical.fileno(), min(stop - start, _BLOCK_BYTES), start)
            target += os.pwrite(self._canonical.fileno(), piece, target)
            start += len(piece)
        return target


def _table(rows: int, columns: dict[str, tuple[nanoarrow.Schema, memoryview]]) -> nanoarrow.Array:
    """Return columns of plain numbers, given as (type, memory), as a table that DuckDB reads where it lies."""
    children = [nanoarrow.c_array_from_buffers(kind, rows, [None, values]) for kind, values in columns.values()]
    shape = nanoarrow.struct({name: kind for name, (kind, _) in columns.items()})
    return nanoarrow.Array(nanoarrow.c_array_from_buffers(shape, rows, [None], children=children))


def _text(column: nanoarrow.Array, index: int) -> str:
    start, stop = memoryview(column.buffer(1))[index : index + 2]
    return bytes(memoryview(column.buffer(2))[start:stop]).decode()


def _for_spreadsheets(value: str) -> str:
    return "'" + value if value.startswith(_FORMULA_STARTS) else value
