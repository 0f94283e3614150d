"""A PostgreSQL server in a container; its data in a volume of the engine.

It shares the machine's network and listens on loopback only: for containers and for DbInit alike it is 127.0.0.1 with
its real port, so the service's rule that `trust` is for loopback hosts holds as it is.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterable

from opsctl.local.postgres.files import HBA, INITDB, MAJOR, MASTERS, ServerFiles, masters_file
from opsctl.local.tasks.container_engine import ContainerEngine
from opsctl.local.tasks.spawner import Spawner

IMAGE = f"docker.io/library/postgres:{MAJOR}-alpine"
_HOME = "/var/lib/postgresql"  # the image's own volume, which belongs to its user postgres
_ACCESS = "/etc/opsctl"
# The cluster is made beside its place and moved there, so that an interrupted run leaves none behind.
_SCRIPT = f"""set -e
cd {_HOME}
if [ ! -e data/PG_VERSION ]; then
  rm -rf new data
  printf %s "$POSTGRES_PASSWORD" >/tmp/password
  initdb -D new --pwfile=/tmp/password {" ".join(INITDB)}
  rm /tmp/password
  mv new data
fi
unset POSTGRES_PASSWORD
exec postgres -D {_HOME}/data -c hba_file={_ACCESS}/pg_hba.conf "$@"
"""


class ContainerCluster:
    """See `postgres.Cluster`."""

    def __init__(self, files: ServerFiles, spawner: Spawner, engine: ContainerEngine) -> None:
        self._files = files
        self._spawner = spawner
        self._engine = engine
        self._name = engine.name(files.name)

    def prepare(self) -> None:
        """A second server on the same data would ruin it: whatever is left of an earlier one ends first."""
        self._engine.end(self._name)
        self._engine.make_volume(self._name)
        self._files.make_password()

    def write_access(self, masters: Iterable[str]) -> None:
        """Names, no secrets: the image's user has to read them."""
        folder = self._files.access
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        for name, text in (("pg_hba.conf", HBA), (MASTERS, masters_file(masters))):
            (folder / name).write_text(text, encoding="utf-8")
            (folder / name).chmod(0o644)

    def start(self, settings: list[str]) -> subprocess.Popen[bytes]:
        options = [
            "--user", "postgres", "--entrypoint", "sh", "--shm-size", "256m", "--security-opt", "label=disable",
            "--volume", f"{self._name}:{_HOME}", "--volume", f"{self._files.access}:{_ACCESS}:ro",
        ]  # fmt: skip
        command, environment = self._engine.run_command(
            self._name,
            options,
            IMAGE,
            ["-c", _SCRIPT, "postgres", *settings],
            {"POSTGRES_PASSWORD": self._files.password.read_text(encoding="ascii")},
        )
        return self._spawner.popen(
            command, env=environment, cwd=self._files.state.path, output=self._files.log, parent_death=signal.SIGINT
        )

    def kill(self) -> None:
        self._engine.end(self._name)

    def delete(self) -> None:
        self._engine.end(self._name)
        self._engine.remove_volume(self._name)
