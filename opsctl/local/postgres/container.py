"""A PostgreSQL server in a container; its data in a volume of the engine.

It shares the machine's network and listens on loopback only: for containers and for DbInit alike it is 127.0.0.1 with
its real port, so the service's rule that `trust` is for loopback hosts holds as it is.
"""

from __future__ import annotations

import signal
import subprocess

from opsctl.local.postgres.files import HBA, INITDB, MAJOR, ServerFiles
from opsctl.local.tasks.container_engine import ContainerEngine
from opsctl.local.tasks.spawner import Spawner

IMAGE = f"docker.io/library/postgres:{MAJOR}-alpine"
_HOME = "/var/lib/postgresql"  # the image's own volume, which belongs to its user postgres
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
cat >data/pg_hba.conf <<'END'
{HBA}END
exec postgres -D {_HOME}/data "$@"
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

    def start(self, settings: list[str]) -> subprocess.Popen[bytes]:
        options = [
            "--user", "postgres", "--entrypoint", "sh", "--shm-size", "256m", "--security-opt", "label=disable",
            "--volume", f"{self._name}:{_HOME}",
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
