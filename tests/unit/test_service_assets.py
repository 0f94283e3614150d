"""What set-up fetches by npm."""

from __future__ import annotations

import subprocess

import pytest

from scripts import service_assets


@pytest.mark.soak
def test_a_machine_without_npm_gets_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    ran = subprocess.run([*service_assets.npm(), "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.split(".")[0].isdecimal()
