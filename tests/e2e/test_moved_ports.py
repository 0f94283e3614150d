"""Every port of a stopped local target is taken by another program: the next deploy finds what moved, and it serves."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from opsctl.local.state import read_json
from tests.e2e.conftest import Project

pytestmark = pytest.mark.soak


@pytest.fixture
def taken(project: Project) -> Iterator[list[int]]:
    """The ports of the emulator, the registry in it, PostgreSQL and the listeners, all of another program."""
    project.target.stop()
    state = project.target.state
    ports = [int(port) for port in (*read_json(state.ports).values(), *read_json(state.listeners).values())]
    with ExitStack() as held:
        for port in ports:
            held.enter_context(socket.create_server(("127.0.0.1", port)))
        yield ports


def test_a_deploy_brings_everything_to_where_the_servers_listen_now(project: Project, taken: list[int]) -> None:
    deployed = project.deploy()
    assert deployed.json["changed"]
    assert f"Another program has port {taken[0]} of the emulator now" in deployed.err
    changes = project.opsctl("releases", "--audit", "--json").json[0]["stacks"]
    assert {name for name, change in changes.items() if "DatabasePort" in change["parameters"]} >= {"jobs", "app"}
    assert project.get("healthz")[0] == 200
    assert project.get("readyz")[0] == 200
    again = project.deploy()
    assert not again.json["changed"]
    assert not {int(project.url.rstrip("/").rpartition(":")[2])} & set(taken)
