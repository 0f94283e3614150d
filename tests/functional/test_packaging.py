"""opsctl without the local target, in a folder far from this checkout."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.functional.cli import ROOT, Ran
from tests.functional.wheels import install_wheel, run_program

Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs opsctl from a wheel."""
    program = install_wheel(tmp_path_factory.mktemp("stranger"))
    project = tmp_path_factory.mktemp("project")
    shutil.copyfile(ROOT / "environments.yaml", project / "environments.yaml")
    return lambda *arguments: run_program(program, *arguments, cwd=project)


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
