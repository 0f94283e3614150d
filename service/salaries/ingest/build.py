"""Build the canonical CSV from every raw file, with an account of each row.

Rows in = rows out + duplicates + filtered by country + rejected; the build fails when that does not hold, and the
canonical file is replaced only after it does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import duckdb
import nanoarrow

from salaries.ingest.columns import ALIASES
from salaries.ingest.engine import batches, csv_rows, engine, quoted, sql_blocks
from salaries.ingest.errors import IngestError
from salaries.ingest.inspect import RawFile, glance_at, look_through
from salaries.ingest.ledger import Account, Ledger, Reject
from salaries.ingest.rewrite import NOT_IN_ENCODING, rewrite_plain
from salaries.ingest.workspace import exclusive, name_trouble, replace_file, scratch, sha256_of
from salaries.models import CURRENCY_LIMIT, TEXT_LIMIT

CANONICAL_NAME = "salaries.csv"
REJECTS_NAME = "rejects.csv"
REPORT_NAME = "salaries.build.json"
# A quarter of DuckDB's own: memory is used again before the system has to find new pages.
_READ_BUFFER = 8 << 20


@dataclass(frozen=True)
class BuildReport:
    """What a build did. `files` maps a raw file's name to its SHA-256 and rows.

    `samples` are the first rejects by reason, `unusable` says of files that gave no row why, and `misread` counts the
    rows of a file that are not in its encoding.
    """

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
    samples: dict[str, list[Reject]] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    misread: dict[str, int] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Return the sum every row is part of, as it is printed."""
        return (
            f"{self.rows_in:,} rows in = {self.rows_out:,} rows out + {self.duplicates:,} duplicates + "
            f"{self.other_country:,} of other countries + {self.rejected:,} rejected"
        )

    def holds(self) -> bool:
        """Tell whether no row is missing from the account."""
        return self.rows_in == self.rows_out + self.duplicates + self.other_country + self.rejected


def raw_files(raw_dir: Path) -> list[Path]:
    """Return every CSV under `raw_dir`, subfolders included, ordered by path. Hidden files are the pipeline's own.

    Raises:
        IngestError: a name is not UTF-8, so the list of rejects could not hold it, or holds a control character, with
            which it could write lines of its own into a log.
    """
    found = [
        path
        for path in raw_dir.rglob("*")
        if path.name.lower().endswith((".csv", ".csv.gz"))
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(raw_dir).parts)
    ]
    for path in found:
        if trouble := name_trouble(str(path.relative_to(raw_dir))):
            raise IngestError(f"The name of the raw file {str(path)!a} {trouble}; rename it.")
    return sorted(found, key=lambda path: path.relative_to(raw_dir).as_posix())


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
        raise IngestError(f"There is no CSV under {raw_dir}; fetch the sources or put files there first.")
    with (
        exclusive(data_dir / ".build.lock"),
        scratch(data_dir, "build") as folder,
        engine(folder, input_bytes=0) as db,
    ):
        _define_rules(db, country=country)
        ledger = Ledger(db, canonical=folder / CANONICAL_NAME, rejects=folder / REJECTS_NAME)
        seen = _Seen()
        for path in paths:
            name = path.relative_to(raw_dir).as_posix()
            with ThreadPoolExecutor(max_workers=1) as beside:
                checksum = beside.submit(sha256_of, path)
                raw = glance_at(_under_plain_name(path, folder), name=name, encoding=encodings.get(name, "utf-8"))
                found = _write_rows(db, raw, ledger=ledger, folder=folder)
            seen.note(raw, checksum.result(), found)
        if len(seen.unusable) == len(paths):
            told = "; ".join(f"{name} {what}" for name, what in seen.unusable.items())
            raise IngestError(f"No raw file holds rows: {told}.")
        return _finish(ledger, seen, data_dir=data_dir, folder=folder, country=country)


def _under_plain_name(path: Path, folder: Path) -> Path:
    """Return a link to `path` for DuckDB, which takes backslashes and brackets together for no name of a file."""
    link = folder / ("raw.csv.gz" if path.suffix.lower() == ".gz" else "raw.csv")
    link.unlink(missing_ok=True)
    link.symlink_to(path.absolute())
    return link


@dataclass
class _Seen:
    """What the raw files held, so far: the account of all rows, and what a report says of each file."""

    account: Account = field(default_factory=Account)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    misread: dict[str, int] = field(default_factory=dict)

    def note(self, raw: RawFile, checksum: str, found: Account) -> None:
        self.account.add(found)
        self.files[raw.name] = {"sha256": checksum, "rows": found.rows}
        if raw.trouble or not found.rows:
            self.unusable[raw.name] = raw.trouble or "holds no row below its header"
        elif wrong := found.reasons[NOT_IN_ENCODING]:
            self.misread[raw.name] = wrong


def _define_rules(db: duckdb.DuckDBPyConnection, *, country: str) -> None:
    blocks = sql_blocks("normalise.sql")
    # The rules name what differs by the kind of file, so one kind has to be there first.
    db.execute(blocks["plain file"])
    db.execute(blocks["macros"])
    db.execute(f"CREATE MACRO wanted_country() AS country_of({quoted(country)})")
    db.execute(f"CREATE MACRO text_limit() AS {TEXT_LIMIT}")
    db.execute(f"CREATE MACRO currency_limit() AS {CURRENCY_LIMIT}")


def _write_rows(db: duckdb.DuckDBPyConnection, raw: RawFile, *, ledger: Ledger, folder: Path) -> Account:
    """Write the rows of one raw file to the ledger, and return their account, checked against a count of its own."""
    if not raw.header:
        return Account()
    start = ledger.place()
    while raw.plain:
        found, seen = _read_as_it_is(db, raw, ledger=ledger)
        if found.rows == seen.rows and seen.bears_out(raw):
            return found
        ledger.rewind(start)
        # DuckDB saw something else than one row a line, or a guess was wrong: take a more careful path.
        raw = seen if raw.tidy and seen.plain and not seen.tidy else replace(seen, plain=False)
    rewritten = folder / "rewritten.csv"
    rows = rewrite_plain(raw, rewritten)
    found = ledger.write(_judged(db, raw, _rewritten_view(raw, rewritten)), name=raw.name)
    if found.rows != rows:
        raise IngestError(f"{raw.name} could not be read completely: some of its {rows:,} rows got lost on the way.")
    return found


def _read_as_it_is(db: duckdb.DuckDBPyConnection, raw: RawFile, *, ledger: Ledger) -> tuple[Account, RawFile]:
    """Write the rows of a file by what its beginning told, and return what a look at all of it tells meanwhile."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        look = beside.submit(look_through, raw)
        # The look ends long before DuckDB does, so a guess that proves wrong is cheap.
        rows = takewhile(lambda _: not look.done() or look.result().bears_out(raw), _judged(db, raw, _plain_view(raw)))
        try:
            found = ledger.write(rows, name=raw.name)
        except duckdb.Error:
            found = Account(rows=-1)
    return found, look.result()


def _judged(db: duckdb.DuckDBPyConnection, raw: RawFile, view: str) -> Iterator[nanoarrow.Array]:
    blocks = sql_blocks("normalise.sql")
    db.execute(blocks["tidy file" if raw.plain and raw.tidy else "plain file" if raw.plain else "rewritten file"])
    db.execute(view)
    return batches(db.sql(blocks["rows"]))


def _plain_view(raw: RawFile) -> str:
    columns = {f"c{index}": "VARCHAR" for index in range(len(raw.header))}
    # A lone text column would lose its empty lines to the reader; such a file has no figures anyway.
    options = f", null_padding = true, max_line_size = 1048576, buffer_size = {_READ_BUFFER}"
    source = csv_rows(raw.path, columns, delimiter=raw.delimiter, options=options)
    return _view(raw, f"SELECT NULL::BIGINT AS line, '' AS problem, * FROM {source}")  # noqa: S608


def _rewritten_view(raw: RawFile, path: Path) -> str:
    columns = {"line": "BIGINT", "problem": "VARCHAR"} | {f"c{i}": "VARCHAR" for i in range(len(raw.header))}
    source = csv_rows(path, columns, options=", parallel = false, max_line_size = 4194304")
    return _view(raw, f"SELECT * REPLACE (coalesce(problem, '') AS problem) FROM {source}")  # noqa: S608


def _view(raw: RawFile, rows: str) -> str:
    chosen = ", ".join(f"{_first_value(raw.header, name)} AS {name}" for name in ALIASES)
    return f"CREATE OR REPLACE TEMP VIEW raw AS SELECT line, problem, {chosen} FROM ({rows})"  # noqa: S608


def _first_value(header: tuple[str, ...], name: str) -> str:
    columns = [f"c{at}" for alias in ALIASES[name] for at, found in enumerate(header) if found == alias]
    if len(columns) == 1:
        return columns[0]
    # DuckDB's trim takes Unicode's spaces; files with other blanks, such as tabs, go through `rewrite`, which strips.
    return f"coalesce({', '.join(f'clean({column})' for column in columns)})" if columns else "NULL::VARCHAR"


def _finish(ledger: Ledger, seen: _Seen, *, data_dir: Path, folder: Path, country: str) -> BuildReport:
    closed, account = ledger.close(), seen.account
    report = BuildReport(
        rows_in=sum(file["rows"] for file in seen.files.values()),
        rows_out=account.kept - closed.duplicates,
        duplicates=closed.duplicates,
        other_country=account.elsewhere,
        rejected=account.reasons.total(),
        reasons=dict(sorted(account.reasons.items())),
        unreadable_dates=closed.undated,
        checksum=closed.checksum,
        country=country,
        files=seen.files,
        samples=account.samples,
        unusable=seen.unusable,
        misread=seen.misread,
    )
    if not report.holds():
        raise IngestError(f"The account of rows does not add up, so nothing was replaced: {report.identity}.")
    samples = {reason: [each._asdict() for each in rejects] for reason, rejects in account.samples.items()}
    written = folder / REPORT_NAME
    written.write_text(
        json.dumps(asdict(report) | {"samples": samples}, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    for name in (REJECTS_NAME, CANONICAL_NAME, REPORT_NAME):
        replace_file(folder / name, data_dir / name)
    return report
