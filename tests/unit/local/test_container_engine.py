"""Finding an engine, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.local.state import StateDir
from opsctl.local.tasks.container_engine import ContainerEngine, EngineError, find_engine


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it yet."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, script: str) -> None:
    """A program that stands for an engine."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


STATE = StateDir(Path("/some/state"))
DEAD = "echo 'Cannot connect to the daemon.' >&2; exit 1"


def test_docker_comes_first_when_it_answers(programs: Path) -> None:
    install(programs, "docker", "exit 0")
    install(programs, "podman", "exit 0")
    assert find_engine(STATE).command == "docker"


def test_podman_stands_in_for_a_docker_without_a_daemon(programs: Path) -> None:
    install(programs, "docker", DEAD)
    install(programs, "podman", "exit 0")
    assert find_engine(STATE).command == "podman"


def test_a_machine_without_an_engine_is_told_what_is_wrong_with_each(programs: Path) -> None:
    install(programs, "docker", DEAD)
    with pytest.raises(EngineError) as caught:
        find_engine(STATE)
    assert caught.value.message == (
        "No container engine answers on this machine (`docker ps` failed: Cannot connect to the daemon; "
        "podman is not installed)."
    )
    assert "processes need no engine" in caught.value.hint


def test_names_of_two_targets_differ() -> None:
    other = ContainerEngine("podman", StateDir(Path("/other/state")))
    assert ContainerEngine("podman", STATE).name("postgres") != other.name("postgres")


def test_an_engine_sees_its_users_configuration_and_no_credentials(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTAINERS_CONF", "/etc/mine.conf")
    install(programs, "podman", 'echo "$CONTAINERS_CONF $AWS_SECRET_ACCESS_KEY"')
    assert ContainerEngine("podman", STATE).call("info") == "/etc/mine.conf \n"


def test_what_is_there_is_read_from_the_engine(programs: Path) -> None:
    install(programs, "podman", """printf 'id\\topsctl-1-service\\tregistry/image@sha256:1\\tUp 2 minutes\\n'""")
    (found,) = ContainerEngine("podman", STATE).containers()
    assert (found.name, found.image, found.status) == ("opsctl-1-service", "registry/image@sha256:1", "Up 2 minutes")


def test_a_registry_that_moved_is_forgotten_but_for_what_somebody_runs(programs: Path) -> None:
    install(programs, "podman", f"""echo "$@" >> {programs}/asked
case "$1" in
  images) echo 127.0.0.1:20001/shop@sha256:1; echo 127.0.0.1:20001/shop@sha256:2; echo 127.0.0.1:200/shop@sha256:3 ;;
  rmi) echo 'image is in use by a container' >&2; exit 2 ;;
esac""")  # fmt: skip
    ContainerEngine("podman", STATE, {"PATH": str(programs)}).forget("127.0.0.1:20001")
    asked = (programs / "asked").read_text().splitlines()
    assert sorted(asked[1:]) == [
        "logout 127.0.0.1:20001", "rmi 127.0.0.1:20001/shop@sha256:1", "rmi 127.0.0.1:20001/shop@sha256:2"
    ]  # fmt: skip
