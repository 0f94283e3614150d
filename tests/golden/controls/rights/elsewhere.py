"""Logins of the database and servers of this machine, whose rights stand in tables of other pages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from opsctl.dbroles.model import RoleModel
from tests.golden.controls.rendered import ROOT

DATABASE, LOCAL = ROOT / "docs" / "database.md", ROOT / "docs" / "local.md"
_ATTEMPTS = "[what a role may not do](database.md#what-a-role-may-not-do)"
_ROLES = "[roles](database.md#roles)"
_SERVERS = "[who may use it](local.md#who-may-use-it)"
# What listens on this machine by the module that makes it listen; rows of docs/local.md begin so.
SERVERS: dict[str, tuple[str, ...]] = {
    "local/emulator/dataplane.py": ("a listener of a load balancer",),
    "local/emulator/process.py": ("the emulator's API", "its registry", "its credentials"),
    "local/postgres/container.py": ("PostgreSQL",),
    "local/postgres/wheel.py": ("PostgreSQL",),
    "local/tasks/processes.py": ("a task",),
    "operate/tunnel.py": ("on AWS, `opsctl db shell`'s port",),
}
# Child processes that serve nobody: a build, the emulator before it listens, the hand that forks for others.
SILENT = frozenset({"images/build/engines.py", "local/start.py", "local/tasks/spawner.py"})


def models() -> Iterator[RoleModel]:
    """One of each kind, with the names that are the default."""
    yield RoleModel()
    yield RoleModel(owner_login=True)
    yield RoleModel(owner_login=True, passwords=True)


def rows() -> Iterator[list[str]]:
    """One for each, with links."""
    yield ["database: the master", _ROLES]
    for name in dict.fromkeys(name for model in models() for name in model.login_roles):
        yield [f"database: `{name}`", f"{_ROLES}, {_ATTEMPTS}"]
    for server in dict.fromkeys(server for servers in SERVERS.values() for server in servers):
        yield [f"this machine: {server}", _SERVERS]


def first_cells(page: str, heading: str) -> list[str]:
    """The first column of the table under a heading."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| (.+?) \|", section, re.MULTILINE)[1:]
