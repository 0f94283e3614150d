"""Room on a disk is asked for before what takes long, and what another program says of a full disk is understood."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from opsctl import room
from opsctl.errors import OpsctlError


def free(size: int, monkeypatch: pytest.MonkeyPatch, *, total: int = 10**12) -> None:
    """Every disk has `size` bytes left."""

    def usage(path: Path) -> object:
        assert path.exists()
        return shutil._ntuple_diskusage(total, total - size, size)

    monkeypatch.setattr(shutil, "disk_usage", usage)


def test_too_little_room_is_told_with_the_place_and_both_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(20 * 1024**2, monkeypatch)
    with pytest.raises(OpsctlError) as caught:
        room.require(tmp_path / "not" / "yet", 300 * 1024**2, "The local target")
    assert caught.value.message == (
        f"The local target needs about 300 MiB in {tmp_path}/not/yet, and 20 MiB are free there."
    )
    assert (caught.value.code, caught.value.exit_code) == ("no-room", 1)
    assert "df -h" in caught.value.hint


def test_enough_room_and_a_disk_that_counts_nothing_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(300 * 1024**2, monkeypatch)
    room.require(tmp_path, 300 * 1024**2, "It")
    free(0, monkeypatch, total=0)
    room.require(tmp_path, 300 * 1024**2, "It")


@pytest.mark.parametrize(("flags", "number"), [(os.ST_RDONLY, errno.EROFS), (0, errno.EACCES)])
def test_a_place_that_takes_no_file_is_told_before_the_work(
    flags: int, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=flags))
    with pytest.raises(OSError, match=str(tmp_path / "not")) as caught:
        room.require(tmp_path / "not" / "yet", 1, "It")
    assert (caught.value.errno, caught.value.filename) == (number, str(tmp_path / "not" / "yet"))


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        ("error: failed to copy\n  Caused by: No space left on device (os error 28)", "Make room"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "Make room"),
        ("Caused by: Disk quota exceeded (os error 122)", "quota"),
        ("Caused by: Read-only file system (os error 30)", "read-only"),
        ("Failed to spawn: Permission denied (os error 13)", "noexec"),
        ("No solution found when resolving dependencies", ""),
    ],
)
def test_what_a_program_was_refused_is_told_by_its_words(said: str, helps: str) -> None:
    assert helps in room.hint(said)
    assert bool(room.hint(said)) == bool(helps)


@pytest.mark.parametrize(("flags", "refused"), [(os.ST_NOEXEC, True), (os.ST_NOSUID, False)])
def test_a_file_system_without_programs_is_told(
    flags: int, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=flags))
    expected: AbstractContextManager[object] = nullcontext()
    if refused:
        expected = pytest.raises(OpsctlError, match="not/yet, and its file system is mounted noexec")
    with expected:
        room.require_programs(tmp_path / "not" / "yet", "The local target")
