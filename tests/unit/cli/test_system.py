"""What the operating system refuses is a sentence with the path and the reason, not a bug of opsctl's own."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from opsctl.cli import app, system
from opsctl.errors import OpsctlError
from opsctl.operate.target import Workspace

HINTS = {
    errno.ENOSPC: "Make room there",
    errno.EDQUOT: "quota",
    errno.EROFS: "read-only",
    errno.ENOEXEC: "#!/bin/sh",
    errno.EMFILE: "ulimit -n",
    errno.EIO: "dmesg",
    errno.ENAMETOOLONG: "shorter",
    errno.EISDIR: "Look at what is there.",
}


def failing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that opens the configuration runs into this."""

    def opened(config: Path | None, **person: object) -> Workspace:
        raise error

    monkeypatch.setattr(Workspace, "open", opened)


@pytest.mark.parametrize("number", HINTS, ids=[errno.errorcode[number] for number in HINTS])
def test_a_refusal_is_told_with_path_reason_and_remedy(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(OSError(number, os.strerror(number), "/data/x"), monkeypatch)
    assert app.run(["status"]) == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"Error: opsctl can't use /data/x: {os.strerror(number)}."
    assert HINTS[number] in hint


def test_under_json_it_is_json_with_a_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failing(OSError(errno.ENOSPC, "No space left on device", "/data/x"), monkeypatch)
    assert app.run(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "system"


def test_with_the_debug_variable_the_traceback_stands_above_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPSCTL_DEBUG", "1")
    failing(OSError(errno.ENOSPC, "No space left on device", "/data/x"), monkeypatch)
    assert app.run(["status"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].strip() == "Traceback (most recent call last):"
    assert lines[-2] == "Error: opsctl can't use /data/x: No space left on device."


def test_of_two_files_the_one_to_be_made_is_named() -> None:
    error = OSError(errno.EXDEV, "Invalid cross-device link", "/a/old", None, "/b/new")
    assert system.explained(error).message == "opsctl can't use /b/new: Invalid cross-device link."


def written(path: Path) -> OSError:
    """What a write is refused with: the system names no file there. All that is written to it meets a full disk."""
    with path.open("wb", buffering=0) as file:
        os.dup2(os.open("/dev/full", os.O_WRONLY), file.fileno())
        with pytest.raises(OSError, match="No space left") as caught:
            file.write(b"x")
    assert isinstance(caught.value, OSError)
    assert caught.value.filename is None
    return caught.value


def test_a_write_that_a_full_disk_refuses_is_told_with_the_file(tmp_path: Path) -> None:
    error = system.explained(written(tmp_path / "x"))
    assert error.message == f"opsctl can't use {tmp_path}/x: No space left on device."
    assert error.hint.startswith("Make room there")


def test_what_the_network_refuses_while_a_file_is_open_is_not_the_files(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError) as caught, (tmp_path / "x").open("wb"):
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    assert system.explained(caught.value).message == (
        "The system refused what opsctl asked of it: Connection reset by peer."
    )


def test_a_refusal_without_a_file_is_told_too() -> None:
    error = system.explained(OSError(errno.ENOMEM, "Cannot allocate memory"))
    assert error.message == "The system refused what opsctl asked of it: Cannot allocate memory."
    assert "out of memory" in error.hint
    assert system.explained(OSError("odd")).message == "The system refused what opsctl asked of it: odd."


def owned(path: Path, owners: dict[Path, int], monkeypatch: pytest.MonkeyPatch) -> OpsctlError:
    """The refusal of `path` where these folders belong to others; all else above it is ours."""
    real = Path.lstat

    def lstat(self: Path) -> os.stat_result:
        found = list(real(self))
        found[4] = owners.get(self, os.geteuid())
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", lstat)
    return system.explained(PermissionError(errno.EACCES, "Permission denied", str(path)))


def test_a_folder_that_sudo_made_is_named_with_its_owner_and_how_to_get_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / ".opsctl"
    (state / "local").mkdir(parents=True)
    error = owned(state / "local" / "ports.json", {state: 65_000, state / "local": 65_000}, monkeypatch)
    assert error.message == f"opsctl can't use {state}/local/ports.json: Permission denied."
    assert error.hint.startswith(f"{state} belongs to 65000, as after sudo: `sudo chown -R ")
    assert error.hint.endswith(f" {state}`.")


def test_where_all_belongs_to_another_nothing_is_to_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = dict.fromkeys([tmp_path, *tmp_path.parents], 65_000)
    assert owned(tmp_path / "x", everything, monkeypatch).hint.startswith("It belongs to 65000: ask for the right")


def test_a_file_of_ones_own_is_told_with_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.touch(mode=0o400)
    assert "-r--------" in owned(path, {}, monkeypatch).hint


def test_a_folder_that_is_gone_under_ones_feet_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert app.run(["status"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == "Error: The folder in which opsctl was started is gone."
    failing(KeyError("a bug"), monkeypatch)
    assert app.run(["status"]) == 1
    assert "bug of its own" in capsys.readouterr().err


def test_a_file_that_is_no_utf_8_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "Dockerfile"
    path.write_bytes(b"secret \xff")
    with pytest.raises(UnicodeDecodeError) as caught:
        path.read_text(encoding="utf-8")
    failing(caught.value, monkeypatch)
    assert app.run(["status"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"Error: {path} is not UTF-8 ('utf-8' codec can't decode byte 0xff in position 7")
    assert "secret" not in shown


def test_a_name_that_is_no_utf_8_is_shown_as_far_as_it_can_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        "x/caf\udce9.csv\0".encode()
    failing(caught.value, monkeypatch)
    assert app.run(["status"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == "Error: x/caf\\udce9.csv is no name in UTF-8."


def test_a_locale_that_lacks_a_character_is_named() -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}".encode("ascii")
    error = system.explained(caught.value)
    assert error.message == "The locale's encoding, ascii, can't write caf\N{LATIN SMALL LETTER E WITH ACUTE}."
    assert "LC_ALL=C.UTF-8" in error.hint
