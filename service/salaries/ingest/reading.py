"""Raw files, one after another, into the table of judged rows; and what a person should know of how each was read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from salaries.ingest.columns import DEFAULTS
from salaries.ingest.engine import sql_blocks
from salaries.ingest.figures import FACTORS
from salaries.ingest.judging import decimal_mark, judge, set_file, set_words
from salaries.ingest.mapping import MAPPED_HEADER, MappedRows, Mapping
from salaries.ingest.records import RawFile, glance_at, records
from salaries.ingest.sources import Declared
from salaries.ingest.workspace import sha256_of

_NEVER_SILENT = ("country", "currency")


@dataclass(frozen=True)
class ReadFile:
    """A raw file that was read: `left_out` counts rows that its mapping's filter took away."""

    name: str
    checksum: str
    rows: int
    trouble: str
    mapping: Mapping | None
    left_out: int = 0

    def told(self) -> dict[str, Any]:
        """Return what a report says of it."""
        told: dict[str, Any] = {"sha256": self.checksum, "rows": self.rows}
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
        mapping = told.mapping(name)
        raw = glance_at(path, name=name, encoding=told.encoding(name), mapping=mapping)
        rows = left_out = 0
        if mapping and not raw.trouble:
            rows, left_out = self._mapped(raw, mapping)
        elif raw.header:
            rows = self._plain(raw)
        trouble = raw.trouble or ("" if rows else "holds no row below its header")
        return ReadFile(name, sha256_of(path), rows, trouble, mapping, left_out)

    def _plain(self, raw: RawFile) -> int:
        set_words(self._db, "always")
        set_file(self._db, number=self._number, header=raw.header, decimal="")
        rows = judge(self._db, records(raw), raw.header)
        # Only figures that can be read in two ways make it worth to ask what the file's others say.
        if self._has_doubts() and (mark := decimal_mark(self._db, records(raw), raw.header)):
            self._db.execute("DELETE FROM judged WHERE file = ?", [self._number])
            set_file(self._db, number=self._number, header=raw.header, decimal=mark)
            judge(self._db, records(raw), raw.header)
        return rows

    def _mapped(self, raw: RawFile, mapping: Mapping) -> tuple[int, int]:
        set_words(self._db, "mapped")
        # What a mapping wrote is written one way, so no figure of it has two readings.
        set_file(self._db, number=self._number, header=(), decimal=".")
        mark = mapping.decimal or MappedRows(mapping, raw.header, records(raw)).mark()
        found = MappedRows(mapping, raw.header, records(raw), decimal=mark)
        return judge(self._db, found, MAPPED_HEADER), found.left_out

    def _has_doubts(self) -> bool:
        found = self._db.execute(sql_blocks("rules.sql")["doubts"], {"file": self._number}).fetchall()
        return bool(found[0][0])


def assumed(db: duckdb.DuckDBPyConnection, number: int) -> dict[str, int]:
    """Return how many rows of a file took the default of each column that has one."""
    found = db.execute(sql_blocks("rules.sql")["assumed"], {"file": number}).fetchall()
    return dict(zip(DEFAULTS, found[0], strict=True))


def doubtful(db: duckdb.DuckDBPyConnection, files: list[ReadFile], rejected: Counter[str]) -> dict[str, list[str]]:
    """Return what should not pass in silence: most rows rejected; country, currency or period assumed for all."""
    found: dict[str, list[str]] = {}
    for number, file in enumerate(files):
        if file.trouble:
            continue
        said = found.setdefault(file.name, [])
        if rejected[file.name] * 2 > file.rows:
            said.append(f"{rejected[file.name]:,} of its {file.rows:,} rows are rejected")
        counts = assumed(db, number)
        guesses = [f"{name} ({DEFAULTS[name]})" for name in _NEVER_SILENT if counts[name] == file.rows]
        if not (file.mapping and file.mapping.has_period):
            guesses.append("period (month)")
        if guesses:
            said.append(f"{_listed(guesses)} {'is' if len(guesses) == 1 else 'are'} assumed for all of its rows")
    return {name: said for name, said in found.items() if said}


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
