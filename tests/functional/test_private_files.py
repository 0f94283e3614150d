"""What opsctl writes beside the local target is its owner's alone, with the umask of a careless shell."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsctl.aws.signin import RoleSessions
from opsctl.cli.crash import explained
from opsctl.deploy.events import LogLine
from opsctl.deploy.journal import Journal
from opsctl.operate.target import FILE_NAME


@pytest.fixture(params=[0o000, 0o022], ids=oct, autouse=True)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(root: Path) -> dict[str, str]:
    return {path.name: stat.filemode(path.lstat().st_mode) for path in root.rglob("*")}


def test_the_journal_of_a_deploy(tmp_path: Path) -> None:
    Journal(tmp_path, "prd", "1")(LogLine("app", "begun"))
    assert modes(tmp_path) == {
        ".opsctl": "drwx------", "journal": "drwx------", "prd": "drwx------", "1.ndjson": "-rw-------"
    }  # fmt: skip


def test_sessions_of_roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    RoleSessions()["role"] = {"Credentials": {}}
    assert modes(tmp_path) == {
        ".aws": "drwx------", "cli": "drwx------", "cache": "drwx------", "role.json": "-rw-------"
    }  # fmt: skip


def test_reports_of_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE_NAME).touch(mode=0o600)
    monkeypatch.chdir(tmp_path)
    explained(ValueError("unexpected"))
    assert len(modes(tmp_path)) == 3
    assert set(modes(tmp_path).values()) == {"drwx------", "-rw-------"}
