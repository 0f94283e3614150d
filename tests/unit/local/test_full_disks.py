"""A disk, or a quota, that fills up while the target starts: its log has no room for the reason either."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from opsctl import private
from opsctl.local.postgres import wheel
from opsctl.local.postgres.files import ServerFiles
from opsctl.local.state import StateDir
from opsctl.local.target import LocalTarget

SAID = (
    b'running bootstrap script ... 2026-11-30 18:28:14.202 UTC [1] FATAL:  could not write to file "pg_wal/1": '
    b'Disk quota exceeded\nchild process exited with exit code 1\ninitdb: removing contents of data directory "x"\n'
)


class Refused:
    """Starts a program that says something and fails."""

    def popen(self, command: list[str], *, output: Path, **_options: Any) -> subprocess.Popen[bytes]:
        with output.open("ab") as file:
            file.write(SAID)
        return subprocess.Popen(["false"])


def test_what_a_cluster_could_not_be_made_for_is_told_where_its_log_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheel, "binaries", lambda: tmp_path)
    state = StateDir.of(tmp_path)
    state.create()
    files = ServerFiles(state, "postgres")
    files.log.symlink_to("/dev/full")
    with pytest.raises(wheel.PostgresError) as caught:
        wheel.WheelCluster(files, cast("Any", Refused())).prepare()
    assert caught.value.message == (
        'PostgreSQL could not create its data directory: could not write to file "pg_wal/1": Disk quota exceeded.'
    )


@pytest.mark.parametrize(
    ("said", "next_step"), [("Disk quota exceeded", "`quota -s`"), ("No space left on device", "`df -h`")]
)
def test_a_reason_of_the_system_is_told_alone_with_what_helps(said: str, next_step: str, tmp_path: Path) -> None:
    target = LocalTarget(tmp_path)
    target.state.create()
    (target.state.logs / "emulator.log").write_text("a banner\n", encoding="utf-8")
    error = target._start_error(f"PostgreSQL could not create its data directory: {said}.")
    assert next_step in error.hint
    assert error.detail == ()
    assert target._start_error("Another.").detail == ("a banner",)


def test_a_target_can_be_removed_where_nothing_may_be_written_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removing it is what makes room."""
    target = LocalTarget(tmp_path)
    target.state.create()
    private.open_file(target.state.lock, "w").close()
    opened = os.open

    def refused(*_arguments: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    def only_what_is_there(name: str, flags: int, mode: int = 0o777, **folder: int) -> int:
        if flags & os.O_TRUNC or (flags & os.O_CREAT and not Path(name).exists()):
            refused()
        return opened(name, flags, mode, **folder)

    monkeypatch.setattr(os, "fchmod", refused)
    monkeypatch.setattr(os, "open", only_what_is_there)
    target.reset()
    assert not target.state.path.exists()
