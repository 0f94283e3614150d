"""The dataset's pipeline: build against a plain DuckDB copy of the same file, load against psql's \\copy."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.bench.salaries import write_raw
from scripts.bench.site import Run, manage, run, with_database, without_database

_MEMORY_LIMIT = "600MB"  # the build's own
_COLUMNS = (
    "release_id, position, source, role, level, location, state, country, currency, work_model, "
    "base_min_cents, base_max_cents, total_cents, observed_at"
)
_TABLE_ROWS = """
COPY (
    SELECT 1, row_number() OVER (), source, role, level, location, state, country, currency, work_model,
        (base_salary_min * 100)::BIGINT, (base_salary_max * 100)::BIGINT, (total_compensation * 100)::BIGINT,
        observed_at
    FROM read_csv('{canonical}', types = {{
        'base_salary_min': 'DECIMAL(12, 2)', 'base_salary_max': 'DECIMAL(12, 2)', 'total_compensation': 'DECIMAL(12, 2)'
    }})
) TO '{target}' (FORMAT csv, HEADER false)
"""


def build() -> list[str]:
    """2 and 10 million plain rows, 2 million difficult ones; goals: 250,000 and 100,000 rows/s, 1 GB."""
    sizes = ((2_000_000, 5, False), (10_000_000, 2, False), (2_000_000, 3, True))
    return [line for rows, runs, difficult in sizes for line in _build(rows, runs, difficult=difficult)]


def _build(rows: int, runs: int, *, difficult: bool) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="bench-build-") as name:
        folder = Path(name)
        raw = folder / "raw" / "salaries.csv"
        write_raw(raw, rows, difficult=difficult)
        environment = without_database(folder)
        # As DuckDB does it when nothing is asked for, and without telling numbers and dates from text.
        sources = {"a plain copy": f"'{raw}'", "a copy as text": f"read_csv('{raw}', all_varchar = true)"}
        builds: list[Run] = []
        ratios: dict[str, list[float]] = {peer: [] for peer in sources}
        for _ in range(runs):
            copies = {peer: _copy(source, folder / "copy.csv", environment) for peer, source in sources.items()}
            builds.append(manage(environment, "build_salary_dataset"))
            for peer, copy in copies.items():
                ratios[peer].append(builds[-1].seconds / copy.seconds)
        seconds = statistics.median(item.seconds for item in builds)
        peak = max(item.peak for item in builds)
        against = ", ".join(f"{statistics.median(found):.2f} of {peer}" for peer, found in ratios.items())
        return [
            f"{rows:>10,} {'difficult' if difficult else 'plain'} rows, "
            f"{raw.stat().st_size / 1e6:.0f} MB: {seconds:.1f} s, {rows / seconds:,.0f} rows/s, "
            f"{against}; peak {peak / 1e6:.0f} MB"
        ]


def _copy(source: str, target: Path, environment: dict[str, str]) -> Run:
    statement = f"COPY (FROM {source}) TO '{target}' (HEADER)"
    code = f'import duckdb; duckdb.execute("SET memory_limit = \'{_MEMORY_LIMIT}\'"); duckdb.execute("{statement}")'
    return run([sys.executable, "-c", code], environment)


def load() -> list[str]:
    r"""A million rows into PostgreSQL; goals: 1.5 times psql's \copy into the same table, 2 times with aggregates."""
    with tempfile.TemporaryDirectory(prefix="bench-load-") as name, with_database(Path(name)) as environment:
        folder = Path(name)
        write_raw(folder / "raw" / "salaries.csv", 1_000_000)
        manage(environment, "build_salary_dataset")
        _table_rows(folder)
        pairs = [(_peer(environment, folder), *_ours(environment)) for _ in range(3)]
        texts = []
        for what, place in (("rows", 1), ("rows and aggregates", 2)):
            ratio = statistics.median(pair[place] / pair[0] for pair in pairs)
            seconds = statistics.median(pair[place] for pair in pairs)
            texts.append(f"{what:<20} {seconds:.1f} s, {ratio:.2f} of \\copy")
        return texts


def _table_rows(folder: Path) -> None:
    """Write the canonical rows in the columns of the table: what a person would hand to psql."""
    import duckdb

    duckdb.execute(_TABLE_ROWS.format(canonical=folder / "salaries.csv", target=folder / "peer.csv"))


def _peer(environment: dict[str, str], folder: Path) -> float:
    _psql(
        environment,
        "DROP TABLE IF EXISTS peer",
        "CREATE TABLE peer (LIKE salaries_salaryobservation INCLUDING ALL)",
        "CHECKPOINT",
    )
    started = time.perf_counter()
    _psql(environment, f"\\copy peer ({_COLUMNS}) FROM '{folder / 'peer.csv'}' WITH (FORMAT csv)")
    return time.perf_counter() - started


def _ours(environment: dict[str, str]) -> tuple[float, float]:
    """Load into empty tables; return the seconds of the whole command without and with its step of aggregates."""
    _psql(
        environment,
        "TRUNCATE salaries_salaryobservation, salaries_salaryfacet, salaries_salaryroleaggregate, "
        "salaries_activerelease, salaries_datasetrelease",
        "CHECKPOINT",
    )
    done = manage(environment, "load_salary_dataset")
    aggregates = re.search(r"aggregates: ([0-9.]+) s", done.output)
    return done.seconds - float(aggregates[1] if aggregates else 0), done.seconds


def _psql(environment: dict[str, str], *commands: str) -> None:
    address = ["-h", environment["DB_HOST"], "-p", environment["DB_PORT"], "-U", environment["DB_USER"]]
    options = ["-d", environment["DB_NAME"], "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    statements = [part for command in commands for part in ("-c", command)]
    subprocess.run(["psql", *address, *options, *statements], check=True, capture_output=True, env=dict(os.environ))
