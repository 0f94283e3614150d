"""Build the canonical CSV from every raw file, with an account of each row.

Rows in = rows out + duplicates + filtered by country + rejected; the build fails when that does not hold, and the
canonical file is replaced only after it does.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from salaries.ingest.columns import CANONICAL, PAID
from salaries.ingest.engine import engine, fetched, quoted, sql_blocks
from salaries.ingest.errors import IngestError
from salaries.ingest.judging import NOT_IN_ENCODING, define_rules
from salaries.ingest.mapping import Mapping
from salaries.ingest.reading import Reader, ReadFile, assumed, doubtful
from salaries.ingest.sources import Declared
from salaries.ingest.workspace import exclusive, name_trouble, replace_file, scratch, sha256_of

CANONICAL_NAME = "salaries.csv"
REJECTS_NAME = "rejects.csv"
REPORT_NAME = "salaries.build.json"
_SAMPLES = 3  # of each reason
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Reject(NamedTuple):
    """A rejected row as the list of rejects has it; the texts stand as they are safe in a spreadsheet."""

    file: str
    line: int
    reason: str
    value: str


@dataclass(frozen=True)
class BuildReport:
    """What a build did. `files` maps a raw file's name to its SHA-256, rows, and what its columns were taken for.

    `samples` are the first rejects by reason, `unusable` says of files that gave no row why, `misread` counts the rows
    of a file that are not in its encoding, `passed_over` says why a file was not read, `doubtful` what should not pass
    in silence about a file that was, `formulas` counts the kept rows of roles that a spreadsheet would run, and
    `converted_to` holds the currencies that figures of others were made into, by rates of their source.
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
    passed_over: dict[str, str] = field(default_factory=dict)
    doubtful: dict[str, list[str]] = field(default_factory=dict)
    formulas: dict[str, int] = field(default_factory=dict)
    converted_to: list[str] = field(default_factory=list)

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


def raw_files(raw_dir: Path, told: Declared | None = None) -> tuple[list[Path], dict[str, str]]:
    """Return the files under `raw_dir` that are read, ordered by path, and why each other one is not.

    Subfolders are included; hidden folders are the pipeline's own, and hidden names that do not end like data nobody's.

    Raises:
        IngestError: a name is not UTF-8, so the list of rejects could not hold it, or holds a control character, with
            which it could write lines of its own into a log.
    """
    found, passed_over = [], {}
    for path in raw_dir.rglob("*"):
        name = path.relative_to(raw_dir).as_posix()
        if any(part.startswith(".") for part in path.relative_to(raw_dir).parent.parts) or (
            path.is_dir() and not path.is_symlink()
        ):
            continue
        if path.name.startswith(".") and not path.name.lower().endswith((".csv", ".csv.gz")):
            continue
        reason = _why_passed_over(path, declared=told is not None and told.is_declared(name))
        if reason and not name_trouble(name):
            passed_over[name] = reason
        elif not reason and (trouble := name_trouble(name)):
            raise IngestError(f"The name of the raw file {str(path)!a} {trouble}; rename it.")
        elif not reason:
            found.append(path)
    return sorted(found, key=lambda path: path.relative_to(raw_dir).as_posix()), dict(sorted(passed_over.items()))


def _why_passed_over(path: Path, *, declared: bool) -> str:
    name = path.name.lower()
    if name.startswith("."):
        return "hidden, as its name begins with a dot"
    if not path.is_file():
        return "a link to nothing, or to a folder" if path.is_symlink() else "no regular file"
    if name.endswith((".csv", ".csv.gz")) or (declared and name.endswith((".tsv", ".txt", ".xlsx"))):
        return ""
    if name.endswith((".tsv", ".txt", ".xlsx")):
        return "read only as the 'dest' of a source, which says that it holds salaries"
    if name.endswith((".zip", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz")):
        return "packed; unpack it, or list it as a source"
    return "neither .csv nor .csv.gz"


def build_dataset(
    *, data_dir: Path, country: str, encodings: dict[str, str], mappings: dict[str, Mapping] | None = None
) -> BuildReport:
    """Write the canonical CSV, the rejects and the report under `data_dir`.

    Args:
        data_dir: holds `raw/`; the results are replaced in it atomically.
        country: rows of other countries are left out, without regard to case.
        encodings: declared encodings by raw file, relative to `raw/`; UTF-8 for the rest.
        mappings: how the rows of a raw file are read; the rest have the dataset's own columns.

    Raises:
        IngestError: there is no raw file, one can't be read, or the account of rows does not add up.
    """
    raw_dir = data_dir / "raw"
    told = Declared(encodings, mappings or {})
    paths, passed_over = raw_files(raw_dir, told)
    if not paths:
        reasons = "".join(f" {name} is passed over: {reason}." for name, reason in passed_over.items())
        raise IngestError(f"There is no CSV under {raw_dir}; fetch the sources or put files there first.{reasons}")
    with (
        exclusive(data_dir / ".build.lock"),
        scratch(data_dir, "build") as folder,
        engine(folder) as db,
    ):
        define_rules(db, country=country)
        reader = Reader(db)
        files = [reader.read(path, path.relative_to(raw_dir).as_posix(), told) for path in paths]
        if all(file.trouble for file in files):
            raise IngestError(
                "No raw file holds rows: " + "; ".join(f"{file.name} {file.trouble}" for file in files) + "."
            )
        db.execute(sql_blocks("rules.sql")["repeats"])
        report = replace(_report(db, files, folder=folder, country=country), passed_over=passed_over)
        _publish(report, folder=folder, data_dir=data_dir)
        return report


def _report(db: duckdb.DuckDBPyConnection, files: list[ReadFile], *, folder: Path, country: str) -> BuildReport:
    fates: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    misread: dict[str, int] = {}
    for number, outcome, count in db.execute(sql_blocks("rules.sql")["counts"]).fetchall():
        name = files[number].name
        fates[outcome or ""] += count
        if outcome and not outcome.startswith("-"):
            rejected[name] += count
        if outcome == NOT_IN_ENCODING and not files[number].trouble:
            misread[name] = count
    _write_canonical(db, folder / CANONICAL_NAME)
    samples = _write_rejects(db, [file.name for file in files], folder / REJECTS_NAME)
    reasons = {outcome: count for outcome, count in sorted(fates.items()) if outcome and not outcome.startswith("-")}
    counts = {file.name: assumed(db, number) for number, file in enumerate(files)}
    doubts = {file.name: doubtful(file, counts[file.name], rejected=rejected[file.name]) for file in files}
    formulas = db.execute(sql_blocks("rules.sql")["formulas"]).fetchall()
    return BuildReport(
        rows_in=sum(file.rows for file in files),
        rows_out=fates[""],
        duplicates=fates["-repeat"],
        other_country=fates["-country"],
        rejected=rejected.total(),
        reasons=reasons,
        unreadable_dates=int(db.execute(sql_blocks("rules.sql")["undated"]).fetchall()[0][0]),
        checksum=sha256_of(folder / CANONICAL_NAME),
        country=country,
        files={file.name: file.told() | {"assumed": counts[file.name]} for file in files},
        samples=samples,
        unusable={file.name: file.trouble for file in files if file.trouble},
        misread=misread,
        doubtful={name: said for name, said in doubts.items() if said},
        formulas={str(role): int(count) for role, count in formulas},
        converted_to=[str(code) for (code,) in db.execute(sql_blocks("rules.sql")["converted"]).fetchall()],
    )


def _write_canonical(db: duckdb.DuckDBPyConnection, target: Path) -> None:
    ((paid,),) = db.execute("SELECT count(nullif(paid, '')) > 0 FROM kept").fetchall()
    columns = ["front", "country", "currency", "back", "observed_at"]
    columns += [f"coalesce(nullif(paid, ''), '{',' * (len(PAID) - 1)}')"] if paid else []
    names = [",".join(CANONICAL[:5]), *CANONICAL[5:7], ",".join(CANONICAL[7:11]), CANONICAL[11], ",".join(PAID)]
    chosen = ", ".join(f'{column} AS "{name}"' for column, name in zip(columns, names, strict=False))
    # The columns hold their quotes already.
    options = "FORMAT csv, HEADER, DELIMITER ',', QUOTE '', ESCAPE '', NULLSTR ''"
    db.execute(f"COPY (SELECT {chosen} FROM kept) TO {quoted(target)} ({options})")  # noqa: S608


def _write_rejects(db: duckdb.DuckDBPyConnection, names: list[str], target: Path) -> dict[str, list[Reject]]:
    samples: dict[str, list[Reject]] = {}
    with target.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(Reject._fields)
        for file, line, reason, value in fetched(db.execute(sql_blocks("rules.sql")["rejects"])):
            reject = Reject(_for_spreadsheets(names[file]), line, reason, _for_spreadsheets(value))
            writer.writerow(reject)
            if len(kept := samples.setdefault(reason, [])) < _SAMPLES:
                kept.append(reject)
    return samples


def _publish(report: BuildReport, *, folder: Path, data_dir: Path) -> None:
    if not report.holds():
        raise IngestError(f"The account of rows does not add up, so nothing was replaced: {report.identity}.")
    samples = {reason: [each._asdict() for each in rejects] for reason, rejects in report.samples.items()}
    (folder / REPORT_NAME).write_text(
        json.dumps(asdict(report) | {"samples": samples}, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    for name in (REJECTS_NAME, CANONICAL_NAME, REPORT_NAME):
        replace_file(folder / name, data_dir / name)


def _for_spreadsheets(value: str) -> str:
    return "'" + value if value.startswith(_FORMULA_STARTS) else value
