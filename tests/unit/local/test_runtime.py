"""The runtime of a target is settled by its first start."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.errors import OpsctlError, UsageError
from opsctl.local.runtime import engine_of, parse, recorded, refuse_switch, settle
from opsctl.local.state import StateDir, write_json


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir.of(tmp_path)
    made.create()
    return made


def ignore(_line: str) -> None:
    return None


def test_a_new_target_runs_processes(state: StateDir) -> None:
    assert recorded(state) is None
    assert settle(state, None, ignore) is None
    assert recorded(state) == "processes"


def test_a_state_of_an_older_version_holds_processes(state: StateDir) -> None:
    write_json(state.ports, {"emulator": 1})
    assert recorded(state) == "processes"


def test_a_state_keeps_its_engine(state: StateDir) -> None:
    write_json(state.runtime, {"runtime": "containers", "engine": "podman"})
    engine = engine_of(state)
    assert engine is not None
    assert engine.command == "podman"


def test_a_switch_is_refused_with_the_way_out(state: StateDir) -> None:
    settle(state, "processes", ignore)
    refuse_switch(state, "processes")
    refuse_switch(state, None)
    with pytest.raises(OpsctlError, match="runs processes") as caught:
        refuse_switch(state, "containers")
    assert caught.value.code == "other-runtime"
    assert "opsctl local reset" in caught.value.hint


def test_nothing_is_recorded_when_no_engine_answers(
    state: StateDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OpsctlError, match="docker is not installed; podman is not installed"):
        settle(state, "containers", ignore)
    assert recorded(state) is None


def test_an_unknown_runtime_is_a_mistake_of_the_command_line() -> None:
    assert parse(None) is None
    assert parse("containers") == "containers"
    with pytest.raises(UsageError, match="'pods'"):
        parse("pods")
