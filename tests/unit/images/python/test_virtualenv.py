"""Which Python the application's processes of this machine run under."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from opsctl.config.application import Application
from opsctl.images.checkout.project import Project
from opsctl.images.python import pythons, virtualenv
from opsctl.images.python.lock import Locked


@pytest.mark.parametrize(
    ("there", "wanted", "taken"),
    [
        (("3.11", "3.12", "3.13"), "3.14", "3.13"),
        (("3.11", "3.14"), "3.13", "3.14"),
        (("3.12", "3.14"), "3.13", "3.12"),
        (("3.12",), "3.12", "3.12"),
    ],
)
def test_without_the_version_the_nearest_is_taken_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], wanted: str, taken: str
) -> None:
    ran: list[list[str]] = []
    told: list[str] = []

    def run_uv(arguments: list[str], **_: object) -> object:
        ran.append(arguments)
        missing = arguments[0] == "venv" and not arguments[3].startswith("/python")
        Path(arguments[-1] if arguments[0] == "venv" else tmp_path).mkdir(parents=True, exist_ok=True)
        return CompletedProcess(arguments, int(missing), "", "")

    for module in (pythons, virtualenv):
        monkeypatch.setattr(module, "find_python", lambda version: f"/python{version}" if version in there else None)
    monkeypatch.setattr(virtualenv, "run_uv", run_uv)
    project, locked = Project(tmp_path, Application()), Locked(tmp_path / "opsctl.lock", "", wanted)
    virtualenv.make_environment(project, locked, tmp_path / "environments", told.append)
    assert [each[3] for each in ran if each[0] == "venv"][-1] == f"/python{taken}"
    said = f"Python {wanted} is not on this machine; processes run under {taken} here, the image does not"
    assert told[1:] == ([said] if wanted != taken else [])


def test_with_no_other_version_opsctls_own_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "find_python", lambda version: None)
    assert pythons.nearest_python("3.13") == (f"3.{sys.version_info.minor}", sys.executable)
