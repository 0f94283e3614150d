"""The service's answers: stored ones against an empty view, filtered ones against one hand-written statement."""

from __future__ import annotations

import http.client
import json
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import duckdb
import psycopg2
import psycopg2.extensions

from scripts.bench.salaries import write_raw
from scripts.bench.site import manage, serving, with_database

_ROUNDS = 5
_SECONDS = 4
# What a person would write for a summary by state: one statement, one answer.
_BY_HAND = """
SELECT currency, source, level, state, work_model, count(*), min(base_min_cents), max(base_max_cents),
    avg(base_min_cents), avg(base_max_cents), min(total_cents), max(total_cents), avg(total_cents)
FROM salaries_salaryobservation
WHERE release_id = (SELECT release_id FROM salaries_activerelease)
    AND role = %(role)s AND lower(state) = %(state)s AND lower(work_model) = %(work_model)s
GROUP BY GROUPING SETS (
    (currency), (currency, source), (currency, level), (currency, source, level), (currency, state),
    (currency, source, state), (currency, work_model), (currency, source, work_model)
)
"""
Query = dict[str, Any]


def cached_answers() -> list[str]:
    """A role without filters against an empty view on the same server; goal: 0.8 of its requests a second."""
    if not shutil.which("wrk"):
        return ["needs wrk (Debian's package of that name)"]
    with tempfile.TemporaryDirectory(prefix="bench-api-") as name, with_database(Path(name)) as environment:
        _fill(environment, Path(name), 3_000)
        # One worker: all connections of a run may fall to one of two, which then looks three times as slow.
        with serving(environment | {"LOG_LEVEL": "WARNING", "WEB_CONCURRENCY": "1"}) as site:
            role = _roles(site)[0]
            paths = {"empty": "/empty", "summary": f"/api/salaries/?role={role}"}
            paths["insights"] = f"/api/salaries/insights/?role={role}"
            rates: dict[str, list[float]] = {what: [] for what in paths}
            for _ in range(_ROUNDS):
                for what, path in paths.items():
                    rates[what].append(_rate(site + path))
    return [
        f"{what:<10} {statistics.median(values):,.0f} requests/s, "
        f"{statistics.median(a / b for a, b in zip(values, rates['empty'], strict=True)):.2f} of the empty view"
        for what, values in rates.items()
    ]


def _rate(url: str) -> float:
    command = ["wrk", "-t", "1", "-c", "8", "-d", f"{_SECONDS}s", url]
    output = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{url} did not answer every request:\n{output}")
    found = re.search(r"Requests/sec:\s+([0-9.]+)", output)
    return float(found[1]) if found else 0.0


def filtered_answers() -> list[str]:
    """Random filters, one client, at 3,000 and a million rows; goal: 1.5 times one hand-written statement."""
    return [line for rows in (3_000, 1_000_000) for line in _filtered(rows)]


def _filtered(rows: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="bench-api-") as name, with_database(Path(name)) as environment:
        _fill(environment, Path(name), rows)
        connection = psycopg2.connect(
            host=environment["DB_HOST"], port=environment["DB_PORT"], dbname=environment["DB_NAME"],
            user=environment["DB_USER"],
        )  # fmt: skip
        connection.autocommit = True
        with serving(environment) as site, connection, connection.cursor() as cursor:
            queries = _queries(site)
            ask = _asker(site)
            ours: list[float] = []
            theirs: list[float] = []
            for query in queries:
                theirs.append(_timed(_by_hand, cursor, query))
                ours.append(_timed(ask, query))
        connection.close()
    for what, values in (("answer", ours), ("statement", theirs)):
        values.sort()
        yield (
            f"{rows:>9,} rows  {what:<10} median {1000 * statistics.median(values):.1f} ms, "
            f"p99 {1000 * values[int(len(values) * 0.99)]:.1f} ms, {len(values) / sum(values):,.0f} a second"
        )
    yield f"{rows:>9,} rows  answer is {statistics.median(ours) / statistics.median(theirs):.2f} of the statement"


def overview_answers() -> list[str]:
    """What the dashboard shows, under random filters, at 1 and 10 million rows; goal: p99 of 250 ms at 10 million."""
    return [_overviews(rows) for rows in (1_000_000, 10_000_000)]


def _overviews(rows: int) -> str:
    with tempfile.TemporaryDirectory(prefix="bench-api-") as name, with_database(Path(name)) as environment:
        _fill(environment, Path(name), rows)
        with serving(environment) as site:
            ask = _asker(site, "/api/salaries/overview/")
            seconds = sorted(_timed(ask, query) for query in _dashboard_queries(site))
    return (
        f"{rows:>10,} rows  median {1000 * statistics.median(seconds):.1f} ms, "
        f"p99 {1000 * seconds[int(len(seconds) * 0.99)]:.1f} ms, most {1000 * seconds[-1]:.1f} ms"
    )


def _dashboard_queries(site: str) -> list[Query]:
    """Return choices as people make them: one to three filters, up to three roles beside, each asked for once."""
    facets, picks = _get(site, "/api/filters/"), random.Random(15)
    columns = {"state": "states", "level": "levels", "work_model": "work_models"}
    queries = {}
    for _ in range(400):
        query: Query = {"role": picks.choice(facets["roles"])}
        for name in picks.sample(list(columns), picks.randrange(1, 4)):
            query[name] = picks.choice(facets[columns[name]])
        query["compare"] = picks.sample(facets["roles"], picks.randrange(4))
        queries[urlencode(query, doseq=True)] = query
    return list(queries.values())


def whole_answers() -> list[str]:
    """A filter that every one of a million rows of one role passes; goal: 100 ms."""
    with tempfile.TemporaryDirectory(prefix="bench-api-") as name, with_database(Path(name)) as environment:
        raw = Path(name) / "raw" / "salaries.csv"
        write_raw(Path(name) / "mixed.csv", 1_000_000)
        raw.parent.mkdir()
        with duckdb.connect() as db:
            alike = f"SELECT * REPLACE ('SRE' AS job_title, 'Brazil' AS country) FROM '{name}/mixed.csv'"  # noqa: S608
            db.execute(f"COPY ({alike}) TO '{raw}' (FORMAT csv, HEADER)")
        manage(environment, "build_salary_dataset")
        manage(environment, "load_salary_dataset")
        with serving(environment) as site:
            return [
                f"{path:<24} without a filter {_once(site, path, {}):.0f} ms, "
                f"with country=brazil {_once(site, path, {'country': 'brazil'}):.0f} ms"
                for path in ("/api/salaries/", "/api/salaries/insights/")
            ]


def _once(site: str, path: str, filters: Query) -> float:
    """Milliseconds of the first time this is asked; a worker keeps what it has sent."""
    connection = http.client.HTTPConnection(urlsplit(site).netloc)
    connection.request("GET", "/api/filters/")
    connection.getresponse().read()
    started = time.perf_counter()
    connection.request("GET", f"{path}?{urlencode({'role': 'sre', **filters})}")
    answer = connection.getresponse()
    body = json.loads(answer.read())
    seconds = time.perf_counter() - started
    if body["total_observations"] < 900_000:
        raise RuntimeError(f"{answer.status}: {str(body)[:200]}")
    return 1000 * seconds


def _fill(environment: dict[str, str], folder: Path, rows: int) -> None:
    write_raw(folder / "raw" / "salaries.csv", rows)
    manage(environment, "build_salary_dataset")
    manage(environment, "load_salary_dataset")


def _roles(site: str) -> list[str]:
    return list(_get(site, "/api/filters/")["roles"])


def _queries(site: str) -> list[Query]:
    facets = _get(site, "/api/filters/")
    return [
        {
            "role": facets["roles"][number % len(facets["roles"])],
            "state": facets["states"][number % len(facets["states"])].lower(),
            "work_model": facets["work_models"][number % len(facets["work_models"])],
        }
        for number in range(400)
    ]


def _asker(site: str, path: str = "/api/salaries/") -> Callable[[Query], bytes]:
    connection = http.client.HTTPConnection(urlsplit(site).netloc)

    def ask(query: Query) -> bytes:
        connection.request("GET", f"{path}?{urlencode(query, doseq=True)}")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {body[:200]!r}")
        return body

    return ask


def _by_hand(cursor: psycopg2.extensions.cursor, query: Query) -> list[tuple[object, ...]]:
    cursor.execute(_BY_HAND, query)
    return cursor.fetchall()


def _timed(work: Callable[..., object], *arguments: object) -> float:
    started = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started


def _get(site: str, path: str) -> dict[str, list[str]]:
    connection = http.client.HTTPConnection(urlsplit(site).netloc)
    connection.request("GET", path)
    body: dict[str, list[str]] = json.loads(connection.getresponse().read())
    return body
