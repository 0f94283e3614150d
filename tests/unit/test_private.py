"""Files that nobody else may read, under any umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsctl import private


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct, autouse=True)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_every_folder_that_is_made_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private.make_folder(tmp_path / "a" / "b")
    assert (mode(tmp_path), mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o755, 0o700, 0o700)


@pytest.mark.parametrize("how", ["w", "a"])
def test_a_file_is_its_owners_also_when_it_was_open_before(tmp_path: Path, how: private.Mode) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    old.chmod(0o666)
    for path in (old, new):
        with private.open_file(path, how) as file:
            file.write(b"new")
        assert mode(path) == 0o600
    assert old.read_text() == ("new" if how == "w" else "oldnew")


@pytest.mark.parametrize("how", ["w", "a"])
def test_a_link_is_not_followed(tmp_path: Path, how: private.Mode) -> None:
    aim = tmp_path / "aim"
    aim.write_text("kept")
    (tmp_path / "link").symlink_to(aim)
    with pytest.raises(OSError, match="symbolic links"):
        private.open_file(tmp_path / "link", how)
    assert aim.read_text() == "kept"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("a longer one")
    path.chmod(0o644)
    private.replace_file(path, b"short")
    assert (path.read_bytes(), mode(path)) == (b"short", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_what_lies_open_is_closed_and_nothing_outside(tmp_path: Path) -> None:
    outside, state = tmp_path / "outside", tmp_path / "state"
    outside.write_text("")
    outside.chmod(0o644)
    for folder in (state / "logs", state / "images" / "1"):
        folder.mkdir(parents=True)
        (folder / "file").write_text("")
        (folder / "file").chmod(0o755)
        folder.chmod(0o777)
    (state / "link").symlink_to(outside)

    private.tighten(state, but=frozenset({"images"}))

    assert {mode(each) for each in (state, state / "logs", state / "images")} == {0o700}
    assert mode(state / "logs" / "file") == 0o700
    assert mode(state / "images" / "1" / "file") == 0o755
    assert mode(outside) == 0o644


def test_what_is_not_there_is_no_mistake(tmp_path: Path) -> None:
    private.close(tmp_path / "gone")
    private.tighten(tmp_path / "gone")
