"""opsctl as a stranger installs it: a wheel in an empty environment, in a folder far from this checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.functional.cli import ROOT, Ran

Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs opsctl from a wheel, beside the packages that it names and no others."""
    folder = tmp_path_factory.mktemp("stranger")
    pip = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*pip, str(ROOT)], check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([folder / "venv" / "bin" / "pip", "--quiet", "install", wheel], check=True, capture_output=True)
    project = folder / "project"
    project.mkdir()
    shutil.copyfile(ROOT / "environments.yaml", project / "environments.yaml")

    def run(*arguments: str) -> Ran:
        done = subprocess.run(
            [folder / "venv" / "bin" / "opsctl", *arguments], cwd=project, capture_output=True, text=True, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def test_it_validates_and_renders_what_this_checkout_renders(installed: Run) -> None:
    assert installed("env", "validate").code == 0
    assert installed("synth", "--env", "prd").code == 0
    assert installed("synth", "--check", "--env", "prd").code == 0


@pytest.mark.parametrize("command", [("deploy", "--env", "local"), ("db", "status", "--env", "local")])
def test_without_the_local_target_it_says_what_to_install(installed: Run, command: tuple[str, ...]) -> None:
    ran = installed(*command)
    assert ran.code == 1
    assert ran.err.splitlines()[-2].startswith("Error: The local target is not installed: there is no ministack")
    assert "pip install 'opsctl[local]'" in ran.err.splitlines()[-1]
