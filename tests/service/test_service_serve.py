"""`serve` as a process: probes, pages with hashed static files, JSON logs, a clean stop."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICE = Path(__file__).resolve().parents[2] / "service"


def manage(environment: dict[str, str], *arguments: str) -> None:
    """Run a management command to its end."""
    subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=SERVICE, env=environment, check=True, capture_output=True
    )


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[int, Path, subprocess.Popen[bytes]]]:
    """A migrated and loaded service on SQLite; yields its port, its log and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "DEPLOY_ENV": "local", "DATA_DIR": str(tmp_path), "PORT": str(port)}
    environment |= {"BIND_HOST": "127.0.0.1", "WEB_CONCURRENCY": "1"}
    manage(environment, "migrate", "--no-input")
    manage(environment, "refresh_salary_dataset")
    log = tmp_path / "serve.log"
    with log.open("wb") as sink:
        command = [sys.executable, "manage.py", "serve"]
        process = subprocess.Popen(command, cwd=SERVICE, env=environment, stdout=sink, stderr=subprocess.STDOUT)
    try:
        _wait(port, process)
        yield port, log, process
    finally:
        process.terminate()
        process.wait(timeout=40)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None
        try:
            if get(port, "/healthz")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the service did not start")


def get(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a GET."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


def test_it_serves_pages_figures_and_files_and_stops_when_told(
    running: tuple[int, Path, subprocess.Popen[bytes]],
) -> None:
    port, log, process = running
    assert get(port, "/healthz", Host="10.9.8.7")[2] == b"OK"
    assert json.loads(get(port, "/readyz", Host="10.9.8.7")[2]) == {"status": "ready"}
    assert json.loads(get(port, "/api/salaries/?role=qa_engineer")[2])["total_observations"] == 17
    page = get(port, "/dashboard/")[2].decode()
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(files) >= 5
    for name in files:
        status, headers, _ = get(port, name)
        assert status == 200
        assert "immutable" in headers["cache-control"], name
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
