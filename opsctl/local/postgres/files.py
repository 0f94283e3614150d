"""What a local PostgreSQL server is made of, wherever it runs: who may log in, how its cluster is made, its files."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from opsctl import private
from opsctl.local.state import StateDir

MAJOR = 18
SUPERUSER = "opsctl_superuser"
HBA = """# Written by opsctl at every start. Loopback is every user's, so every role needs its password.
host  all  all  127.0.0.1/32  scram-sha-256
host  all  all  ::1/128       scram-sha-256
"""
# For every client here: a stranger who sits at the server's port before it does can ask for anything. SCRAM tells him
# nothing of a password, and he can't answer it as the server does.
REQUIRED_LOGIN = {"PGREQUIREAUTH": "scram-sha-256"}
INITDB = (
    "-U", SUPERUSER, "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)  # fmt: skip


@dataclass(frozen=True)
class ServerFiles:
    """Files of one server of a target; all are named for it."""

    state: StateDir
    name: str

    @property
    def data(self) -> Path:
        """Its cluster, unless a volume holds it."""
        return self.state.path / self.name

    @property
    def password(self) -> Path:
        """The superuser's."""
        return self.state.path / f"{self.name}.password"

    @property
    def record(self) -> Path:
        """Its pid."""
        return self.state.path / f"{self.name}.json"

    @property
    def log(self) -> Path:
        return self.state.logs / f"{self.name}.log"

    def make_password(self) -> None:
        """A password for a cluster that is about to be made; one that is there stays."""
        if not self.password.exists():
            private.replace_file(self.password, secrets.token_urlsafe(32).encode())
