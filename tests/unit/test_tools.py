"""Environments of their own for programs: tests run side by side, and the first to ask may be two of them."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts import tools


def test_an_environment_is_made_once_however_many_ask_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "scripts" / "requirements" / "linter.txt"
    lock.parent.mkdir(parents=True)
    lock.write_text("linter==1\n")
    ran: list[list[str]] = []
    installed: list[tuple[Path, str]] = []

    def run(command: list[str], **_: object) -> None:
        ran.append(command)
        time.sleep(0.05)
        (tmp_path / ".venv-linter").mkdir(exist_ok=True)

    monkeypatch.setattr(tools, "ROOT", tmp_path)
    monkeypatch.setattr(tools, "install", lambda *given: installed.append(given))
    monkeypatch.setattr(subprocess, "run", run)
    with ThreadPoolExecutor(4) as pool:
        programs = list(pool.map(lambda _: tools.tool("linter", "lint"), range(4)))
    assert programs == [tmp_path / ".venv-linter" / "bin" / "lint"] * 4
    assert len(ran) == len(installed) == 1
    lock.write_text("linter==2\n")
    tools.tool("linter", "lint")
    assert installed == [(lock, str(tmp_path / ".venv-linter" / "bin" / "python"))] * 2
