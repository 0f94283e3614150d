"""PostgreSQL servers of a target: one for each DB instance, since roles belong to a server as a whole.

The first server always runs, so that a deploy doesn't wait for one; the first DB instance gets it. Each further one (a
second environment, or the successor of an instance that is being replaced) gets a server of its own, made for it and
deleted with it.
"""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

from opsctl.local import ports
from opsctl.local.postgres import copies
from opsctl.local.postgres.container import ContainerCluster
from opsctl.local.postgres.files import REQUIRED_LOGIN, ServerFiles
from opsctl.local.postgres.server import Cluster, PostgresServer
from opsctl.local.postgres.wheel import WheelCluster
from opsctl.local.settings import LocalSettings
from opsctl.local.state import StateDir, read_json, write_json
from opsctl.local.tasks.container_engine import ContainerEngine
from opsctl.local.tasks.spawner import Spawner

_FIRST = "postgres"


class Servers:
    """Servers by the ARN of the DB instance they hold; in containers when there is an engine."""

    def __init__(self, state: StateDir, port: int, spawner: Spawner, engine: ContainerEngine | None) -> None:
        self._state = state
        self._spawner = spawner
        self._engine = engine
        self._lock = threading.RLock()
        self._servers: dict[str, PostgresServer] = {}
        self._add(_FIRST, port)
        self._holders: dict[str, str] = {}
        for arn, record in read_json(state.servers).items():
            self._holders[arn] = record["server"]
            taken = [each.port for each in self._servers.values()]
            self._add(record["server"], ports.choose(int(record["port"]), taken))  # another program may have it by now

    @property
    def running(self) -> bool:
        """Whether every server answers."""
        return all(each.running for each in self._all())

    @property
    def failure(self) -> str:
        """Why one doesn't start; empty when all do."""
        return next((each.failure for each in self._all() if each.failure), "")

    def wait_running(self, seconds: float) -> bool:
        """Wait for each server that is starting."""
        return all(each.wait_running(seconds) for each in self._all())

    def supervise(self) -> None:
        """Start what isn't running."""
        for each in self._all():
            each.supervise()

    def stop(self, number: int = signal.SIGINT) -> None:
        for each in self._all():
            each.stop(number)

    def of(self, arn: str) -> PostgresServer | None:
        """The server that holds this instance."""
        with self._lock:
            name = self._holders.get(arn)
            return self._servers[name] if name else None

    def claim(self, arn: str, snapshot: str | None = None) -> PostgresServer:
        """The server of this instance, made and started when it has none yet: with the data of a snapshot, if one is
        named. Raises ValueError when that holds none.
        """
        with self._lock:
            name = self._holders.get(arn)
            if name is None:
                name = self._free_name(but=_FIRST if snapshot else "")
                if snapshot:
                    self._restore(arn, snapshot, name)
                self._add(name, ports.choose(None, taken=[each.port for each in self._servers.values()]))
                self._holders[arn] = name
                self._save()
            server = self._servers[name]
        server.supervise()
        return server

    def save(self, arn: str, snapshot: str) -> None:
        """Keep a copy of what the server of this instance holds; instances without one have no data."""
        server = self.of(arn)
        if server is not None:
            server.save(self.copy_of(arn, snapshot))

    def discard(self, arn: str, snapshot: str) -> None:
        """Delete the copy of a snapshot that is gone; `arn` is its own, or that of anything in its region."""
        shutil.rmtree(self.copy_of(arn, snapshot), ignore_errors=True)

    def copy_of(self, arn: str, snapshot: str) -> Path:
        """Where the copy of a snapshot lies, which names it in the region of this ARN, in whatever case it is written.

        Earlier versions knew no regions: in the default one the folder is called as it always was.
        """
        name, region = snapshot.lower().replace(":", "-"), arn.split(":")[3]
        return self._state.path / "snapshots" / (name if region == LocalSettings.region else f"{name}@{region}")

    def release(self, arn: str) -> None:
        """Take the server of a deleted instance away; the first one only becomes free."""
        with self._lock:
            name = self._holders.pop(arn, None)
            server = self._servers.pop(name) if name and name != _FIRST else None
            self._save()
        if server:
            server.delete()

    def let_in(self, port: int, role: str) -> str | None:
        """A password for a role of the server at this port, as `roles.let_in` says; None where there is no server."""
        server = next((each for each in self._all() if each.port == port), None)
        return server.let_in(role) if server else None

    def login(self, environment: Mapping[str, str]) -> dict[str, str]:
        """What a process with this environment needs besides to log in as its role, and as nothing but by SCRAM."""
        host, port, role = (environment.get(name, "") for name in ("PGHOST", "PGPORT", "PGUSER"))
        if host != ports.LOOPBACK or not port.isdecimal():
            return {}
        password = environment.get("PGPASSWORD") or self.let_in(int(port), role)
        return REQUIRED_LOGIN | ({"PGPASSWORD": password} if password else {})

    def _all(self) -> list[PostgresServer]:
        with self._lock:
            return list(self._servers.values())

    def _add(self, name: str, port: int) -> None:
        if name in self._servers:
            return
        files = ServerFiles(self._state, name)
        cluster: Cluster = WheelCluster(files, self._spawner)
        if self._engine:
            cluster = ContainerCluster(files, self._spawner, self._engine)
        self._servers[name] = PostgresServer(files, port, cluster)

    def _restore(self, arn: str, snapshot: str, name: str) -> None:
        folder = self.copy_of(arn, snapshot)
        if self._engine or not copies.holds_data(folder):
            why = "PostgreSQL runs in a container here" if self._engine else "there is no copy of its data"
            raise ValueError(f"DB snapshot {snapshot} can't be restored: {why}.")
        copies.restore(folder, ServerFiles(self._state, name))

    def _free_name(self, but: str) -> str:
        taken = {*self._holders.values(), but}
        return next(name for name in (_FIRST, *(f"{_FIRST}-{n}" for n in range(2, 100))) if name not in taken)

    def _save(self) -> None:
        records = {arn: {"server": name, "port": self._servers[name].port} for arn, name in self._holders.items()}
        write_json(self._state.servers, dict(records))
