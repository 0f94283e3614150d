"""The service as `manage.py serve` runs it, a process of its own, with the sample data."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.service.commands import SERVICE


@dataclass(frozen=True)
class Served:
    """A running service: its port on loopback, the file its output goes to, and its process."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]
    variables: Mapping[str, str]


@contextlib.contextmanager
def serving(folder: Path, **variables: str) -> Iterator[Served]:
    """Migrate a SQLite database in `folder`, or the one that `variables` name, load the sample data, serve with one
    worker, and stop it afterwards.
    """
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "DEPLOY_ENV": "local", "DATA_DIR": str(folder), "PORT": str(port)}
    environment |= {"BIND_HOST": "127.0.0.1", "WEB_CONCURRENCY": "1", **variables}
    manage = [sys.executable, "manage.py"]
    for command in (["migrate", "--no-input"], ["refresh_salary_dataset"]):
        subprocess.run([*manage, *command], cwd=SERVICE, env=environment, check=True, capture_output=True)
    log = folder / "serve.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*manage, "serve"], cwd=SERVICE, env=environment, stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        _wait(port, process)
        yield Served(port, log, process, environment)
    finally:
        process.terminate()
        process.wait(timeout=40)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError("the service did not start")
