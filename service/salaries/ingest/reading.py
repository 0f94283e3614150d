"""Raw files, one after another, into the table of judged rows; and what a person should know of how each was read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from salaries.ingest.columns import DEFAULTS
from salaries.ingest.engine import sql_blocks
from salaries.ingest.figures import FACTORS
from salaries.ingest.judging import decimal_mark, judge, set_file, set_words
from salaries.ingest.mapping import MAPPED_HEADER, MappedRows, Mapping
from salaries.ingest.records import RawFile, batches, glance_at
from salaries.ingest.sources import Declared
from salaries.ingest.workspace import sha256_of

_NEVER_SILENT = ("country", "currency")


@dataclass(frozen=True)
class ReadFile:
    """A raw file that was read.

    `left_out` counts rows that its mapping's filter took away, `timeless` those whose figures are taken for a month's
    because nothing says their period. `taken` and `unused` say what became of its headers.
    """

    name: str
    checksum: str
    rows: int
    trouble: str
    mapping: Mapping | None
    left_out: int = 0
    timeless: int = 0
    taken: dict[str, list[str]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """Return what a report says of it."""
        told: dict[str, Any] = {
            "sha256": self.checksum, "rows": self.rows, "taken": self.taken, "unused": self.unused,
        }  # fmt: skip
        if self.left_out:
            told["left_out"] = self.left_out
        if self.mapping and self.mapping.keeps_figures:
            told["figures"] = f"made those of a month ({FACTORS})"
            if rates := self.mapping.rates:
                told["figures"] += f", and converted to {rates.to} by its own rates"
        return told


class Reader:
    """Reads files into the table `judged` of a connection, numbered from 0 in the order in which they come."""

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        self._db = db
        self._number = -1

    def read(self, path: Path, name: str, told: Declared) -> ReadFile:
        """Judge the rows of a file.

        Raises:
            IngestError: it is damaged.
        """
        self._number += 1
        with ThreadPoolExecutor(max_workers=1) as beside:
            checksum = beside.submit(sha256_of, path)
            mapping = told.mapping(name)
            raw = glance_at(path, name=name, encoding=told.encoding(name), mapping=mapping)
            rows = left_out = timeless = 0
            if mapping and not raw.trouble:
                rows, left_out, timeless = self._mapped(raw, mapping)
            elif raw.header:
                rows = timeless = self._plain(raw)
        trouble = raw.trouble or ("" if rows else "holds no row below its header")
        return ReadFile(
            name, checksum.result(), rows, trouble, mapping, left_out, timeless, *columns_read(mapping, raw.header)
        )

    def _plain(self, raw: RawFile) -> int:
        set_words(self._db, "always")
        set_file(self._db, number=self._number, decimal="", header=raw.header)
        rows = judge(self._db, batches(raw), raw.header)
        # Only figures that can be read in two ways make it worth to ask what the file's others say.
        if self._has_doubts() and (mark := decimal_mark(self._db, batches(raw), raw.header)):
            self._db.execute("DELETE FROM judged WHERE file = ?", [self._number])
            set_file(self._db, number=self._number, decimal=mark, header=raw.header)
            judge(self._db, batches(raw), raw.header)
        return rows

    def _mapped(self, raw: RawFile, mapping: Mapping) -> tuple[int, int, int]:
        set_words(self._db, "mapped")
        # What a mapping wrote is written one way, so no figure of it has two readings.
        set_file(self._db, number=self._number, decimal=".", header=raw.header, mapping=mapping)
        mark = mapping.decimal or MappedRows(mapping, raw.header, batches(raw)).mark()
        found = MappedRows(mapping, raw.header, batches(raw), decimal=mark)
        rows = judge(self._db, found, MAPPED_HEADER)
        return rows, found.left_out, found.timeless

    def _has_doubts(self) -> bool:
        found = self._db.execute(sql_blocks("rules.sql")["doubts"], {"file": self._number}).fetchall()
        return bool(found[0][0])


def columns_read(mapping: Mapping | None, header: tuple[str, ...]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the headers that each column is read from, `band` and `period` too, and those that are not used."""
    choices = dict((mapping or Mapping()).chosen(header))
    choices |= {"band": mapping.band} if mapping and mapping.band else {}
    choices |= {"period": mapping.period} if mapping and mapping.period else {}
    taken = {name: [each for each in choice.headers if each in header] for name, choice in choices.items()}
    used = {each for headers in taken.values() for each in headers}
    return {name: found for name, found in taken.items() if found}, [name for name in header if name not in {"", *used}]


def assumed(db: duckdb.DuckDBPyConnection, number: int) -> dict[str, int]:
    """Return how many rows of a file took the default of a column, for those where any did."""
    found = db.execute(sql_blocks("rules.sql")["assumed"], {"file": number}).fetchall()
    return {name: count for name, count in zip(DEFAULTS, found[0], strict=True) if count}


def doubtful(file: ReadFile, counts: dict[str, int], *, rejected: int) -> list[str]:
    """Return what should not pass in silence: most rows rejected; country, currency or period assumed for all."""
    if file.trouble:
        return []
    said = [f"{rejected:,} of its {file.rows:,} rows are rejected"] if rejected * 2 > file.rows else []
    guesses = [f"{name} ({DEFAULTS[name]})" for name in _NEVER_SILENT if counts.get(name) == file.rows]
    if file.timeless == file.rows:
        guesses.append("period (month)")
    if guesses:
        said.append(f"{_listed(guesses)} {'is' if len(guesses) == 1 else 'are'} assumed for all of its rows")
    return said


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
