"""A real PostgreSQL server on loopback, kept running by the emulator: what the emulated RDS hands out.

Every role logs in by its password (SCRAM): opsctl's own superuser (used here alone), the masters of DB instances, and
those of the application (`roles`). There is no Unix socket: socket paths are limited to 107 bytes and a state directory
may be deep.

NOTE: databases have the built-in C.UTF-8 collation, which sorts by code point; RDS's default sorts by language
rules.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from opsctl.errors import OpsctlError
from opsctl.local.lasting import LastingFailure
from opsctl.local.logs import tail
from opsctl.local.ports import LOOPBACK
from opsctl.local.postgres import copies, roles
from opsctl.local.postgres.files import REQUIRED_LOGIN, SUPERUSER, ServerFiles
from opsctl.local.postgres.wheel import PostgresError
from opsctl.local.procs import ProcessId

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg2.extensions

logger = logging.getLogger("opsctl.postgres")

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # A failing statement may hold a password or a person's data; on RDS opsctl's parameter group keeps it out too.
    "log_min_error_statement": "panic",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Cluster(Protocol):
    """A server's data and program: a process (`postgres_wheel`) or a container (`postgres_container`)."""

    def prepare(self) -> None:
        """See to it that there is data, and that no other server uses it."""
        ...

    def start(self, settings: list[str]) -> subprocess.Popen[bytes]:
        """Start the server as a child, which passes signals on to it."""
        ...

    def kill(self) -> None:
        """End what the child would leave behind when it is killed."""
        ...

    def delete(self) -> None:
        """Delete the data of a server that has ended."""
        ...


class PostgresServer:
    """One postmaster; `supervise` (called often by the emulator) starts it again when it has died."""

    def __init__(self, files: ServerFiles, port: int, cluster: Cluster) -> None:
        self.port = port
        self.failure = ""
        self._files = files
        self._cluster = cluster
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = threading.Event()
        self._lock = threading.RLock()
        self._deleted = False
        self._lasting = LastingFailure(logger, "PostgreSQL does not start")

    @property
    def running(self) -> bool:
        """Whether it answered after its last start and has not died since."""
        return self._ready.is_set() and self._child is not None and self._child.poll() is None

    def wait_running(self, seconds: float) -> bool:
        return self._ready.wait(seconds)

    def supervise(self) -> None:
        """Start the server when it isn't running. Never raises: `failure` says what is wrong."""
        with self._lock:
            if self.running or self._deleted:
                return
            self._ready.clear()
            try:
                self._start()
                self.failure = ""
                self._lasting.over()
            except (OSError, OpsctlError, subprocess.SubprocessError) as error:
                self.failure = str(error)
                self._lasting.log(error)

    def stop(self, number: int = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one."""
        with self._lock:
            self._ready.clear()
            if self._child is None or self._child.poll() is not None:
                return
            self._child.send_signal(number)
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._cluster.kill()
                self._child.kill()
                self._child.wait(5)

    def delete(self) -> None:
        """Stop it and delete its data."""
        with self._lock:
            self.stop(signal.SIGQUIT)
            self._deleted = True
            self._cluster.delete()
            for path in (self._files.password, self._files.record):
                path.unlink(missing_ok=True)

    @property
    def _superuser_password(self) -> str:
        return self._files.password.read_text(encoding="ascii")

    @contextlib.contextmanager
    def connect(self, database: str = "postgres") -> Iterator[psycopg2.extensions.cursor]:
        """A cursor of opsctl's superuser, each statement its own transaction (CREATE DATABASE needs that)."""
        import psycopg2

        if self._child is None or self._child.poll() is not None:
            raise PostgresError(f"PostgreSQL does not run, so nobody is asked on port {self.port}.")
        connection = psycopg2.connect(
            host=LOOPBACK, port=self.port, user=SUPERUSER, dbname=database, connect_timeout=5,
            password=self._superuser_password, application_name="opsctl-local",
            require_auth=REQUIRED_LOGIN["PGREQUIREAUTH"],
        )  # fmt: skip
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def save(self, folder: Path) -> None:
        """Copy its data to `folder`, for `copies.restore`; nothing is copied of a server in a container."""
        if not (self._files.data / "PG_VERSION").exists():
            return
        with self.connect() as cursor:
            copies.save(cursor, self._files, folder)

    def let_in(self, role: str) -> str | None:
        """See `roles.let_in`."""
        with self.connect() as cursor:
            return roles.let_in(cursor, role, self._superuser_password)

    # -- parts -------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._cluster.prepare()
        settings = [f"{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        self._child = self._cluster.start([part for each in settings for part in ("-c", each)])
        process = ProcessId.of(self._child.pid)
        if process:
            process.save(self._files.record)
        self._wait_until_it_answers(self._child)
        self._ready.set()

    def _wait_until_it_answers(self, child: subprocess.Popen[bytes]) -> None:
        import psycopg2

        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if child.poll() is not None:
                break
            try:
                with self.connect() as cursor:
                    cursor.execute("SELECT 1")
                    return
            except psycopg2.OperationalError:
                time.sleep(0.05)
        said = "".join(f": {line.rstrip('.')}" for line in tail(self._files.log, 1))
        raise PostgresError(f"PostgreSQL did not answer on port {self.port}{said}.", hint=f"Read {self._files.log}.")
