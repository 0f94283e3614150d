"""opsctl without the local target, in a folder far from this checkout."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.cli import ROOT, Ran
from tests.functional.wheels import install_wheel, run_program

Run = Callable[..., Ran]

# In one process, as starting Python seventy times would take most of a minute.
HELP_OF_ALL = """
import typer
from opsctl.cli import app
def walk(command, path):
    print(app.run([*path, "--help"]), *path)
    for name, item in getattr(command, "commands", {}).items():
        walk(item, [*path, name])
walk(typer.main.get_command(app.build()), [])
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """opsctl from a wheel."""
    return install_wheel(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def installed(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs it in a project."""
    project = tmp_path_factory.mktemp("project")
    shutil.copyfile(ROOT / "environments.yaml", project / "environments.yaml")
    return lambda *arguments: run_program(program, *arguments, cwd=project)


def test_it_validates_and_renders_what_this_checkout_renders(installed: Run) -> None:
    assert installed("env", "validate").code == 0
    assert installed("synth", "--env", "prd").code == 0
    assert installed("synth", "--check", "--env", "prd").code == 0


@pytest.mark.parametrize("command", [("deploy", "--env", "local"), ("db", "status", "--env", "local")])
def test_without_the_local_target_it_says_what_to_install(
    installed: Run, program: Path, command: tuple[str, ...]
) -> None:
    ran = installed(*command)
    assert ran.code == 1
    assert ran.err.splitlines()[-2].startswith("Error: The local target is not installed: there is no ministack")
    # Of its own Python: in another environment pip would fetch what somebody else calls opsctl.
    (python,) = re.findall(r"`(\S+) -m pip install 'opsctl\[local\]'`", ran.err.splitlines()[-1])
    assert Path(python).parent == program.parent


def test_every_command_explains_itself_there(program: Path, tmp_path: Path) -> None:
    ran = run_program(program.parent / "python", "-c", HELP_OF_ALL, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    done = [line for line in ran.out.splitlines() if line[:2] == "0 "]
    assert {"0 deploy", "0 dataset raw list", "0 local reset"} <= set(done)
    assert len(done) >= 69


def test_it_runs_as_a_module_and_brings_its_manual_and_certificates(program: Path, tmp_path: Path) -> None:
    assert run_program(program.parent / "python", "-m", "opsctl", "--version", cwd=tmp_path).out.startswith("opsctl ")
    manual = program.parents[1] / "share" / "man" / "man1" / "opsctl.1"
    assert manual.read_bytes() == (ROOT / "docs" / "opsctl.1").read_bytes()
    assert list((program.parents[1] / "lib").glob("python3*/site-packages/opsctl/layer/rds.pem"))


def test_the_source_archive_makes_the_same_wheel(tmp_path: Path) -> None:
    def build(source: Path, kind: str, to: str) -> Path:
        command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(tmp_path / to)]
        subprocess.run(command, cwd=source, check=True, capture_output=True)
        return next((tmp_path / to).iterdir())

    with tarfile.open(build(ROOT, "sdist", "archive")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert build(unpacked, "wheel", "theirs").read_bytes() == build(ROOT, "wheel", "ours").read_bytes()
