"""The service as the benchmarks run it: a PostgreSQL that forgets nothing, commands and web server as processes."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.measure import ROOT
from tests.service.postgres import start_postgres

SERVICE = ROOT / "service"
HOOK = ROOT / "opsctl" / "layer" / "files" / "hook"
"""What an image has on its path."""
_ENVIRONMENT = {"PATH": os.environ["PATH"], "DEPLOY_ENV": "local"}


@dataclass(frozen=True, slots=True)
class Run:
    """What a process cost, in seconds of wall-clock time and bytes of its largest resident size; what it printed."""

    seconds: float
    peak: int
    output: str


def run(command: list[str], environment: Mapping[str, str]) -> Run:
    """Run `command` in the service's folder; raises CalledProcessError with its output when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=SERVICE,
        env=dict(environment),
        text=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Run(time.perf_counter() - started, _peak(usage), output)


def _peak(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def manage(environment: Mapping[str, str], *arguments: str) -> Run:
    """Run a management command of the service."""
    return run([sys.executable, "manage.py", *arguments], environment)


def without_database(data_dir: Path) -> dict[str, str]:
    """Return the environment of a command that works on files only."""
    return {**_ENVIRONMENT, "DATA_DIR": str(data_dir)}


@contextlib.contextmanager
def with_database(data_dir: Path) -> Iterator[dict[str, str]]:
    """Start PostgreSQL, fsync and synchronous_commit on, and yield the environment of a migrated database."""
    with start_postgres(fsync=True) as server:
        database = server.new_database()
        environment = without_database(data_dir) | {
            "DB_HOST": database["HOST"],
            "DB_PORT": database["PORT"],
            "DB_NAME": database["NAME"],
            "DB_USER": database["USER"],
            "DB_AUTH": "trust",
        }
        manage(environment, "migrate", "--no-input")
        yield environment


@contextlib.contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[str]:
    """Serve the API and an empty view beside it, as production does; yield the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    path = os.pathsep.join([str(HOOK), str(ROOT)])
    surroundings = {
        **environment, "DJANGO_SETTINGS_MODULE": "scripts.bench.empty_site", "PYTHONPATH": path, "OPSCTL_THREADS": "4",
        # Else the only worker is renewed in the middle of a measurement, and nobody answers meanwhile.
        "GUNICORN_CMD_ARGS": "--max-requests=0",
    }  # fmt: skip
    config = str(SERVICE / "config" / "server.py")
    command = [sys.executable, "-m", "gunicorn", "--config", config, "--bind", address, "config.wsgi:application"]
    with subprocess.Popen(
        command, cwd=SERVICE, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait(f"http://{address}/healthz", process)
            yield f"http://{address}"
        finally:
            process.terminate()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310 - loopback
            return
        time.sleep(0.1)
    raise RuntimeError("The service did not start.")
