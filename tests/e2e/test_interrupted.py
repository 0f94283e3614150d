"""A deploy that is interrupted, by a person or by force: the next one finishes the work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opsctl.deploy.lease import LEASE_SECONDS
from tests.functional.cli import ROOT

from .conftest import Project, make_project

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]


@pytest.fixture(scope="module")
def project(new_project: Project) -> Project:
    """Never deployed when the first test begins."""
    return new_project


def interrupt(project: Project, at: str, number: signal.Signals) -> tuple[int, str]:
    """Start a deploy, send it a signal when a line that contains `at` appears; returns exit code and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "opsctl", "deploy", "--env", "local"],
        cwd=project.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if at in line:
            process.send_signal(number)
            break
    rest = process.communicate(timeout=120)[1]
    return process.returncode, seen + rest


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.soak),
        pytest.param(signal.SIGHUP, marks=pytest.mark.soak),
    ],
)
def test_a_signal_detaches_and_the_next_deploy_goes_on(project: Project, number: signal.Signals) -> None:
    project.opsctl("destroy", "--env", "local", "--yes")
    code, screen = interrupt(project, "app: CREATE_IN_PROGRESS AWS::ECS::Service", number)
    assert code == 130, screen
    assert "Detached; CloudFormation goes on with app." in screen
    assert "Traceback" not in screen
    assert project.opsctl("status", "--env", "local", "--json").json["lock"] is None
    project.deploy()
    assert project.get("/readyz")[0] == 200


POINTS = [
    "bootstrap: CREATE_IN_PROGRESS", "platform: CREATE_IN_PROGRESS", "network: create", "egress: CREATE_IN_PROGRESS",
    "data: CREATE_IN_PROGRESS", "front: CREATE_IN_PROGRESS", "upkeep: CREATE_IN_PROGRESS", "image: build",
    "functions: CREATE_IN_PROGRESS AWS::Lambda", "jobs: CREATE_IN_PROGRESS Custom::DbInit", "migrate: apply",
    "app: CREATE_IN_PROGRESS AWS::ECS::Service", "app: ✓",
]  # fmt: skip


# One of them in every run, all under `make soak`.
SAMPLE = "functions: CREATE_IN_PROGRESS AWS::Lambda"


@pytest.mark.parametrize("at", [pytest.param(at, marks=() if at == SAMPLE else (pytest.mark.soak,)) for at in POINTS])
def test_a_killed_deploy_is_finished_by_the_next(tmp_path: Path, at: str) -> None:
    project = make_project(tmp_path)
    try:
        code, screen = interrupt(project, at, signal.SIGKILL)
        assert code == -signal.SIGKILL, screen
        project.deploy()  # the dead one's lock, if it had one, is taken over: it ran on this machine
        assert project.get("/readyz")[0] == 200
        assert project.deploy().json["changed"] is False
        assert project.opsctl("status", "--env", "local", "--json").json["release"] is not None
    finally:
        project.target.reset()


@pytest.mark.soak
def test_a_dead_deploys_lease_runs_out_by_itself(project: Project) -> None:
    """Seen from the record: the lease ends within its time after the last renewal, without anybody's help; and a dead
    process of this machine holds nothing.
    """
    project.deploy()
    assert project.opsctl("destroy", "--env", "local", "--yes").code == 0
    before = time.time()
    interrupt(project, "jobs: CREATE_IN_PROGRESS", signal.SIGKILL)
    assert project.opsctl("status", "--env", "local", "--json").json["lock"] is None
    bucket = project.opsctl("outputs", "--env", "local", "--json").json["bootstrap"]["ArtifactBucketName"]
    (held,) = project.client("s3").list_objects_v2(Bucket=bucket, Prefix="locks/")["Contents"]
    lease = json.load(project.client("s3").get_object(Bucket=bucket, Key=held["Key"])["Body"])
    assert before < lease["expires"] <= time.time() + LEASE_SECONDS
    assert project.opsctl("unlock", "--env", "local", "--yes").code == 0
    project.deploy()
