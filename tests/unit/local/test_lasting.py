"""A failure that goes on, such as a full disk, fills no log of the emulator."""

from __future__ import annotations

import errno
import logging
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.local.emulator import persistence
from opsctl.local.emulator.persistence import Snapshots
from opsctl.local.lasting import LastingFailure
from opsctl.local.postgres.server import PostgresServer


@pytest.fixture(autouse=True)
def _warnings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)  # a command that ran before in this process may have asked for less


def full(name: str) -> OSError:
    return OSError(errno.ENOSPC, "No space left on device", name)


def test_it_is_logged_once_until_it_is_another_or_was_over(caplog: pytest.LogCaptureFixture) -> None:
    failure = LastingFailure(logging.getLogger("opsctl.test"), "It could not be written")
    for error in (full("a"), full("b"), PermissionError(errno.EACCES, "Permission denied"), full("a"), ValueError("x")):
        failure.log(error)
    failure.over()
    failure.over()
    failure.log(ValueError("x"))
    told = [(record.levelname, record.exc_info is not None) for record in caplog.records]
    assert told == [*[("ERROR", True)] * 4, ("WARNING", False), ("ERROR", True)]


def test_state_that_can_not_be_written_is_tried_again_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = iter(range(12))
    now = {"seconds": 0.0}
    wrote: list[Path] = []

    def replace_file(path: Path, data: bytes) -> None:
        if now["seconds"] < 100:
            raise full(str(path))
        wrote.append(path)

    def wait(seconds: float) -> bool:
        now["seconds"] += 10
        return next(rounds, None) is None

    app = SimpleNamespace(_build_persistence_save_dict=lambda: {"s3": dict})
    states: Any = SimpleNamespace(_state_format_version=lambda name: 1, _json_default=str)
    snapshots = Snapshots(tmp_path, app, states, changes=lambda: 1, lines=lambda: 0, busy=lambda: False)
    monkeypatch.setattr(persistence.private, "replace_file", replace_file)  # type: ignore[attr-defined]
    monkeypatch.setattr(persistence, "time", SimpleNamespace(monotonic=lambda: now["seconds"]))
    monkeypatch.setattr(snapshots._stop, "wait", wait)
    snapshots._run()
    assert wrote, "although nothing changed since"
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_server_that_does_not_start_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    class Cluster:
        def prepare(self) -> None:
            raise full("base")

        def start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
            raise AssertionError

        kill = delete = lambda self: None

    files: Any = None
    server = PostgresServer(files, 5432, Cluster())
    for _ in range(5):
        server.supervise()
    assert "No space left" in server.failure
    assert len(caplog.records) == 1
