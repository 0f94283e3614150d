"""`serve` as a process: probes, the page, JSON logs, a clean stop."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.serving import Served, serving


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Served]:
    """A migrated and loaded service on SQLite."""
    with serving(tmp_path) as served:
        yield served


def get(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a GET."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


def test_it_serves_page_and_figures_and_stops_when_told(
    running: Served,
) -> None:
    port, log, process = running.port, running.log, running.process
    assert get(port, "/healthz", Host="10.9.8.7")[2] == b"OK"
    assert json.loads(get(port, "/readyz", Host="10.9.8.7")[2]) == {"status": "ready"}
    assert json.loads(get(port, "/api/salaries/?role=qa_engineer")[2])["total_observations"] == 17
    longest = "&".join(f"role={number}" + "%C3%A9" * 99 for number in range(10))
    assert get(port, f"/api/salaries/comparison/?{longest}")[0] == 200
    status, headers, page = get(port, "/dashboard/")
    assert status == 200
    assert b"Tech Salary Insights" in page
    assert get(port, "/dashboard/", **{"If-None-Match": headers["etag"]})[0] == 304
    status, headers, body = get(port, "/api/salaries/?role=qa_engineer", **{"Accept-Encoding": "gzip"})
    assert headers["content-encoding"] == "gzip"
    assert len(body) == int(headers["content-length"])
    process.terminate()
    assert process.wait(timeout=40) == 0
    lines = log.read_text().splitlines()
    assert lines[0] == f"serving on http://127.0.0.1:{port}"
    entries = [json.loads(line) for line in lines[1:]]
    requests = [entry for entry in entries if entry["logger"] == "access"]
    assert {"request_id", "method", "path", "status", "duration_ms", "remote"} <= set(requests[0])
    assert not [entry for entry in entries if entry["level"] in ("WARNING", "ERROR")]
