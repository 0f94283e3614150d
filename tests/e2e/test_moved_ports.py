"""Every port of a stopped local target is taken by another program: the next deploy finds what moved, and it serves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Project, ports_taken

pytestmark = pytest.mark.soak


@pytest.fixture
def taken(project: Project) -> Iterator[list[int]]:
    """The ports that were taken."""
    with ports_taken(project) as ports:
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
