"""Wheels are those that the lock names, and unpack inside their folder."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from pathlib import Path

import pytest

from opsctl.images.errors import BuildError
from opsctl.images.limits import BombError
from opsctl.images.python.wheels import locked_wheels, pip_download, unpack


def wheel(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o755 if name.endswith(".so") else 0o644) << 16
            archive.writestr(info, name)
    return path


def lock(folder: Path, *files: Path) -> Path:
    hashes = " ".join(f"--hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files)
    (folder / "requirements.txt").write_text(f"a==1 {hashes}\n")
    return folder / "requirements.txt"


class Index:
    """A package index: puts one wheel where it is asked to, and counts."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.asked: list[tuple[str, str]] = []

    def __call__(self, lock: Path, folder: Path, platform: str, python: str) -> None:
        self.asked.append((platform, python))
        (folder / self.source.name).write_bytes(self.source.read_bytes())


def test_a_lock_is_downloaded_once_for_each_platform(tmp_path: Path) -> None:
    index = Index(wheel(tmp_path / "a-1-py3-none-any.whl", "a/__init__.py"))
    file = lock(tmp_path, index.source)
    for platform in ("linux/amd64", "linux/arm64", "linux/amd64"):
        assert [each.name for each in locked_wheels(file, tmp_path / "cache", platform, "3.13", index)] == [
            "a-1-py3-none-any.whl"
        ]
    assert index.asked == [("linux/amd64", "3.13"), ("linux/arm64", "3.13")]


def test_a_wheel_that_changed_in_the_cache_is_refused(tmp_path: Path) -> None:
    index = Index(wheel(tmp_path / "a-1-py3-none-any.whl", "a/__init__.py"))
    file = lock(tmp_path, index.source)
    found = locked_wheels(file, tmp_path / "cache", "linux/amd64", "3.13", index)
    wheel(found[0], "a/evil.py")
    with pytest.raises(BuildError, match="not those that"):
        locked_wheels(file, tmp_path / "cache", "linux/amd64", "3.13", index)


def test_a_download_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(lock: Path, folder: Path, platform: str, python: str) -> None:
        raise BuildError("no network")

    file = lock(tmp_path)
    with pytest.raises(BuildError):
        locked_wheels(file, tmp_path / "cache", "linux/amd64", "3.13", fails)
    assert list((tmp_path / "cache" / "wheels").iterdir()) == []


def test_files_land_where_pip_puts_them(tmp_path: Path) -> None:
    data = ("a-1.data/purelib/b.py", "a-1.data/scripts/run")
    made = wheel(tmp_path / "a.whl", "a/__init__.py", "a/_c.so", *data, "a-1.dist-info/RECORD")
    unpack((made,), tmp_path / "site")
    found = {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*") if path.is_file()}
    assert found == {"a/__init__.py", "a/_c.so", "b.py", "a-1.dist-info/RECORD"}
    assert (tmp_path / "site" / "a" / "_c.so").stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a/../../evil", "a-1.data/purelib/../../../evil"])
def test_a_wheel_that_leaves_its_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="leaves its folder"):
        unpack((wheel(tmp_path / "a.whl", name),), tmp_path / "site")


def test_a_wheel_that_unpacks_to_too_much_is_given_up_before_anything_is_written(tmp_path: Path) -> None:
    bomb = tmp_path / "a.whl"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/zeros", bytes(80 * 1024 * 1024))
    with pytest.raises(BombError, match=r"a\.whl holds more than"):
        unpack((bomb,), tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_platform_without_wheels_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no images for linux/riscv64"):
        pip_download(tmp_path / "lock", tmp_path, "linux/riscv64", "3.13")
