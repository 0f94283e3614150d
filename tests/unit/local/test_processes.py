"""The environment of a task and the pauses between its crashes."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from opsctl.errors import OpsctlError
from opsctl.local.state import StateDir
from opsctl.local.tasks.container import process_environment
from opsctl.local.tasks.images import Start
from opsctl.local.tasks.processes import ProcessContainers, free_address, pause_after
from tests.unit.local.launches import launch


def environment(given: dict[str, str], ports: tuple[int, ...] = (8000,)) -> dict[str, str]:
    return process_environment(launch(given, ports=ports), StateDir(Path("/state")), Start(), Path("/image"))


def test_it_gives_a_task_its_own_variables_and_nothing_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-caller's")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")

    found = environment({"DJANGO_SECRET_KEY": "k"})

    assert found["DJANGO_SECRET_KEY"] == "k"
    assert "AWS_SECRET_ACCESS_KEY" not in found
    assert "PYTHONPATH" not in found
    assert found["PATH"].startswith(str(Path(sys.executable).parent))


def test_it_overrides_where_a_task_listens_and_writes() -> None:
    found = environment({"BIND_HOST": "0.0.0.0", "DATA_DIR": "/data"})  # noqa: S104

    assert (found["BIND_HOST"], found["DATA_DIR"]) == ("127.64.0.9", "/state/volumes/app")
    assert found["OPSCTL_LISTEN_ADDRESS"] == "127.64.0.9"


def test_it_names_the_region_of_the_task() -> None:
    assert environment({})["AWS_REGION"] == "sa-east-1"
    assert environment({"AWS_REGION": "eu-west-1"})["AWS_REGION"] == "eu-west-1"


def test_it_points_the_emulator_s_own_variables_at_loopback() -> None:
    found = environment({"AWS_ENDPOINT_URL": "http://host.docker.internal:4566", "NOTE": "host.docker.internal"})

    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert found["NOTE"] == "host.docker.internal"


def test_it_sets_the_port_only_when_the_task_listens() -> None:
    assert environment({})["PORT"] == "8000"
    assert environment({"PORT": "9000"})["PORT"] == "9000"
    assert "PORT" not in environment({}, ports=())


def test_it_waits_longer_after_each_crash_in_a_row() -> None:
    assert [pause_after(crashes) for crashes in range(9)] == [0, 0, 0.5, 1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize(
    ("address", "ours"), [("127.64.0.1", True), ("127.127.255.254", True), ("127.0.0.1", False), ("10.0.0.1", False)]
)
def test_it_knows_the_addresses_of_tasks(address: str, ours: bool) -> None:
    assert ProcessContainers.is_task(address) is ours


def test_a_port_that_is_taken_everywhere_is_told() -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))  # noqa: S104  nothing listens there
        with pytest.raises(OpsctlError, match=f"Port {other.getsockname()[1]} is taken at every loopback") as caught:
            free_address([other.getsockname()[1]])
    assert caught.value.code == "port-taken"
