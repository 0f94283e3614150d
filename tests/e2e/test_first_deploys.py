"""Several processes deploy an environment for the first time, all at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.cli import ROOT

from .conftest import Project, make_project

pytestmark = [pytest.mark.soak, pytest.mark.emulator, pytest.mark.postgres]

AT_ONCE = 6


def start(project: Project, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "opsctl", "deploy", "--env", "local", *more],
        cwd=project.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


@pytest.mark.parametrize("wait", [(), ("--wait", "10")])
def test_one_does_the_work_and_the_others_name_it_or_wait_for_it(tmp_path: Path, wait: tuple[str, ...]) -> None:
    project = make_project(tmp_path)
    try:
        project.target.ensure_started()
        processes = [start(project, *wait) for _ in range(AT_ONCE)]
        ended = [(process.communicate(timeout=400)[1], process.returncode) for process in processes]
        for screen, code in ended:
            assert "Traceback" not in screen
            assert code in {0, 75} if not wait else code == 0, screen
            if code == 75:
                assert "Another command works on local:" in screen
        assert 0 in [code for _, code in ended]
        assert project.opsctl("status", "--env", "local", "--json").json["lock"] is None
        assert project.deploy().json["changed"] is False
    finally:
        project.target.reset()


def test_another_terminal_follows_a_deploy_to_its_end(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    try:
        process = start(project)
        assert process.stderr is not None
        next(line for line in process.stderr if line.startswith("network: create"))
        watched = project.opsctl("watch", "--env", "local", "--json")
        process.communicate(timeout=300)
        assert (process.returncode, watched.code) == (0, 0), watched.err
        assert {"network", "data", "app"} <= set(watched.json["changed"])
        assert watched.json["release"]["number"] == 1
        assert "opsctl deploy --env local" in watched.err
        assert '"logical_id": "app"' in watched.err
        assert project.opsctl("watch", "--env", "local").out.startswith("No command works on local:")
    finally:
        project.target.reset()
