"""An environment that an earlier commit deployed is updated by today's: what holds data stays, and so do the rows."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.cli import ROOT, opsctl

from .conftest import Project

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]
# The last commit before the application block: another cut of the stacks, the salary service written into them.
OLD = "7d3aa87"
# What the old commit's set-up put into the service, and today's puts elsewhere.
ASSETS = {
    "service/certs/rds.pem": "opsctl/layer/rds.pem",
}
# It carried a library for pictures as well, which its image has to name and its page could do without.
LIBRARY = "service/salaries/static/salaries/vendor/chart.umd.js"
SOURCES = ("service", "data", "opsctl", "environments.yaml")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Project]:
    """A checkout of the old commit."""
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", OLD, *SOURCES], capture_output=True, check=False)
    if packed.returncode:
        pytest.skip(f"this clone does not hold {OLD}")
    folder = tmp_path / "checkout"
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    for target, source in ASSETS.items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, folder / target)
    (folder / LIBRARY).parent.mkdir(parents=True, exist_ok=True)
    (folder / LIBRARY).touch()
    made = Project(folder)
    yield made
    made.target.reset()


def told(project: Project, *arguments: str) -> Any:
    """What a command says as JSON. Not held against today's shapes: an earlier commit's had others."""
    return json.loads(project.opsctl(*arguments, "--env", "local", "--json").out)


def rows(project: Project) -> Any:
    """Counts and checksums of what readers see."""
    return [
        {name: release[name] for name in ("release", "rows", "checksum")}
        for release in told(project, "dataset", "releases")["releases"]
    ]


def identifiers(project: Project) -> dict[str, str]:
    """What holds data, by name."""
    outputs = told(project, "outputs")
    names = {"data": ("DatabaseResourceId", "MasterSecretArn"), "platform": ("DatasetBucketName", "DjangoSecretArn")}
    return {name: outputs[stack][name] for stack, wanted in names.items() for name in wanted}


@pytest.mark.soak
def test_what_an_earlier_commit_deployed_is_updated_without_touching_what_holds_data(old: Project) -> None:
    old.deploy()
    assert old.opsctl("dataset", "refresh", "--env", "local").code == 0
    before, held = rows(old), identifiers(old)
    assert before[0]["rows"] > 100
    shutil.rmtree(old.root / "service")
    shutil.rmtree(old.root / "opsctl")
    for name in SOURCES:
        path = ROOT / name
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "raw")
            shutil.copytree(path, old.root / name, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copyfile(path, old.root / name)
    old.target.ensure_started()  # a plan starts nothing, and the emulator is the earlier commit's
    plan = old.opsctl("diff", "--env", "local", "--json")
    assert [stack["risks"] for stack in plan.json["stacks"] if stack["risks"]] == []
    old.deploy()
    assert (rows(old), identifiers(old)) == (before, held)
    assert json.loads(old.get("/api/filters/")[1])["roles"]
    assert old.deploy().json["changed"] is False
    # Its next release reads what the one before wrote.
    assert old.opsctl("dataset", "refresh", "--env", "local").code == 0
    assert rows(old)[0]["rows"] == before[0]["rows"]


def test_yesterdays_file_without_the_block_still_validates(old: Project) -> None:
    ran = opsctl("env", "validate", "--json", "--config", "checkout/environments.yaml", cwd=old.root.parent)
    assert ran.code == 0, ran.err
    assert any("environments.prd.ecs.cpu is now application.web.cpu" in note for note in ran.json["notes"])
