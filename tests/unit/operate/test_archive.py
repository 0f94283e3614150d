"""Unpacking an exported dashboard: whole, the page last, nothing outside the folder, nothing left of an earlier one."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from opsctl.errors import OpsctlError
from opsctl.operate.archive import unpack

FILES = {"index.html": b"page", "dashboard.0123456789ab.css": b"style", "data/index.0123456789ab.js": b"data"}


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        for name, body in files.items():
            target.writestr(name, body)
    return packed.getvalue()


def there(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_written_and_counted(tmp_path: Path) -> None:
    written = unpack(archive(FILES), tmp_path / "new" / "site")
    assert (written.files, written.size) == (3, 13)
    assert there(tmp_path / "new" / "site") == FILES


def test_the_page_has_the_name_that_was_asked_for(tmp_path: Path) -> None:
    unpack(archive(FILES), tmp_path, "salaries.html")
    assert there(tmp_path)["salaries.html"] == b"page"
    assert "index.html" not in there(tmp_path)


def test_files_of_an_earlier_export_go_and_others_stay(tmp_path: Path) -> None:
    unpack(archive({**FILES, "data/0a1b.ba9876543210.js": b"old"}), tmp_path)
    (tmp_path / "robots.txt").write_bytes(b"mine")
    unpack(archive(FILES), tmp_path)
    assert there(tmp_path) == {**FILES, "robots.txt": b"mine"}


@pytest.mark.parametrize(
    "name", ["../evil.js", "/etc/evil.js", "data/../../evil.js", ".ssh/config", "data/x/y.js", "A"]
)
def test_a_name_that_no_export_has_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(OpsctlError, match="no exported dashboard") as caught:
        unpack(archive({**FILES, name: b"x"}), tmp_path / "site")
    assert name in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_an_archive_without_a_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OpsctlError, match=r"it has no index\.html"):
        unpack(archive({"a.js": b""}), tmp_path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OpsctlError, match="no exported dashboard"):
        unpack(b"<html>", tmp_path)


def test_a_folder_that_takes_no_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OpsctlError, match="file/data can't be written: Not a directory"):
        unpack(archive(FILES), tmp_path / "file")
    with pytest.raises(OpsctlError, match="data can't be written: Is a directory"):
        unpack(archive(FILES), tmp_path / "site", "data")


def test_an_archive_that_unpacks_to_too_much_is_given_up(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("index.html", bytes(80 * 1024 * 1024))
    with pytest.raises(OpsctlError, match="holds more than 67,108,864 bytes") as caught:
        unpack(packed.getvalue(), tmp_path / "site")
    assert caught.value.code == "too-large"
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_says_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    """The size of a file stands in its entry: what is read beyond it is none of the file."""
    packed = bytearray(archive({"index.html": b"page" * 1000}))
    for at in (packed.find(b"PK\x03\x04") + 22, packed.find(b"PK\x01\x02") + 24):
        packed[at : at + 4] = (4).to_bytes(4, "little")
    with pytest.raises(OpsctlError, match="no exported dashboard"):
        unpack(bytes(packed), tmp_path / "site")


def test_what_a_file_holds_beyond_what_it_says_is_not_unpacked(tmp_path: Path) -> None:
    """Its checksum may be that of what it says."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("index.html", bytes(32 * 1024 * 1024))
    lying, entry = bytearray(packed.getvalue()), packed.getvalue().find(b"PK\x01\x02")
    lying[entry + 16 : entry + 20] = zlib.crc32(bytes(4)).to_bytes(4, "little")
    lying[entry + 24 : entry + 28] = (4).to_bytes(4, "little")
    tracemalloc.start()
    try:
        unpack(bytes(lying), tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert there(tmp_path) == {"index.html": bytes(4)}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_file_of_which_no_part_can_be_unpacked_is_refused(method: int, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as target:
        target.writestr("index.html", b"page " * 200)
    with pytest.raises(OpsctlError, match=r"holds 'index.html', which is packed by another method than deflate"):
        unpack(packed.getvalue(), tmp_path / "site")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", [16, 12])  # where its list begins, how long that is
def test_an_archive_that_names_places_outside_itself_is_refused(at: int, tmp_path: Path) -> None:
    damaged = bytearray(archive(FILES))
    end = damaged.rfind(b"PK\x05\x06")
    damaged[end + at : end + at + 4] = (0x00FFFF00).to_bytes(4, "little")
    with pytest.raises(OpsctlError, match="no exported dashboard"):
        unpack(bytes(damaged), tmp_path)


def test_a_name_that_is_not_the_utf_8_that_it_says_is_refused(tmp_path: Path) -> None:
    damaged = archive({**FILES, "\u00e9\u00e9.js": b""}).replace("\u00e9\u00e9".encode(), b"\xff" * 4)
    with pytest.raises(OpsctlError, match="no exported dashboard"):
        unpack(damaged, tmp_path)


def test_a_file_whose_bytes_were_damaged_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("index.html", b"page " * 200)
    damaged = bytearray(packed.getvalue())
    begin = 30 + len("index.html")
    damaged[begin + 12 : begin + 24] = b"\xff" * 12
    with pytest.raises(OpsctlError, match="no exported dashboard"):
        unpack(bytes(damaged), tmp_path)
