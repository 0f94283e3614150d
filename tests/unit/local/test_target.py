"""Settings of the target, and what asking it must not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from opsctl.local import target
from opsctl.local.settings import LIFETIME_VARIABLE, LocalSettings, LocalTargetError
from opsctl.local.target import LocalTarget


def test_it_lives_twelve_hours_without_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIFETIME_VARIABLE, raising=False)

    assert LocalSettings.from_environment().lifetime_seconds == 12 * 3600


def test_it_takes_its_lifetime_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIFETIME_VARIABLE, "90")

    assert LocalSettings.from_environment(region="sa-east-1").lifetime_seconds == 90


@pytest.mark.parametrize("text", ["soon", "0", "-1"])
def test_it_refuses_a_lifetime_that_is_no_number_of_seconds(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(LIFETIME_VARIABLE, text)

    with pytest.raises(LocalTargetError, match=LIFETIME_VARIABLE):
        LocalSettings.from_environment()


def test_it_imports_nothing_heavy() -> None:
    heavy = (
        "('boto3', 'botocore', 'ministack', 'psycopg2', 'psutil', 'subprocess', 'http.client', 'pydantic', 'asyncio')"
    )
    code = f"import sys, opsctl.local.target; print([each for each in {heavy} if each in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_without_the_packages_of_the_local_target_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "find_spec", lambda name: None if name == "ministack" else object())
    with pytest.raises(LocalTargetError, match="not installed: there is no ministack") as caught:
        LocalTarget(tmp_path).ensure_started()
    assert "pip install 'opsctl[local]'" in caught.value.hint
    assert not (tmp_path / ".opsctl").exists()
