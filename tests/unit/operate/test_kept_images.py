"""Failed deploys leave images on this machine as well; what a release runs is not given up for them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl import room
from opsctl.config.naming import artifact_folder, release_key
from opsctl.deploy.events import silent
from opsctl.deploy.planning.plan import ImagePlan
from opsctl.deploy.release import Release
from opsctl.images.python import virtualenv
from opsctl.images.python.lock import Locked
from opsctl.local.tasks.images import is_kept
from opsctl.operate.image_source import LocalImage
from opsctl.operate.target import Target, Workspace

ENVIRONMENTS = """
default_environment: local
defaults:
  service: shop
  client: acme
  application: {path: ., settings: shop.settings, build: {commands: []}}
environments:
  local: {target: local, ecs: {repository_name: shop-local, manage_repository: true}}
  staging: {target: local, ecs: {repository_name: shop-staging, manage_repository: true}}
"""
PLAN = ImagePlan("000000000000", "shop", "v1", None, False, "")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS)
    monkeypatch.setattr(virtualenv, "run_uv", _venv)
    monkeypatch.setattr(room, "require_programs", lambda *_: None)
    return Workspace.open(tmp_path / "environments.yaml")


def _venv(arguments: list[str], **_: object) -> Any:
    if arguments[0] == "venv":
        (Path(arguments[-1]) / "bin").mkdir(parents=True)
    return SimpleNamespace(returncode=0, stderr="")


def deploy(workspace: Workspace, text: str, clock: Callable[[], float]) -> tuple[str, Path]:
    """Make the image of a project that holds this text and requires it too: its digest, and its environment."""
    (workspace.root / "manage.py").write_text(text)
    made = LocalImage(workspace.target("local"))
    made.__dict__["_locked"] = Locked(workspace.root / "opsctl.lock", f"# {text}\n", "3.13")
    made.__dict__["_layer"] = workspace.root / "layer"
    digest = made.ensure(PLAN, silent)
    folder = made._python.parent.parent
    for path in (made.target.local.state.images / digest.removeprefix("sha256:"), folder):
        os.utime(path, (clock(), clock()))
    return digest, folder


def record(target: Target, number: int, digest: str) -> None:
    """As a deploy records it, and the emulator keeps it."""
    env = target.env
    release = Release(number, env.name, "run", "2026-01-01", "ann", digest=digest)
    for name in (f"{number:06}", "current"):
        path = target.local.state.objects / "000000000000" / "artifacts" / release_key(artifact_folder(env), name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(release.to_dict()))


def test_what_releases_ran_outlasts_any_number_of_failed_deploys_and_the_rest_does_not(here: Workspace) -> None:
    ages = iter(range(1_000_000, 2_000_000))

    def clock() -> float:
        return float(next(ages))

    first = deploy(here, "first", clock)
    record(here.target("local"), 1, first[0])
    other = deploy(here, "of staging", clock)
    record(here.target("staging"), 1, other[0])
    second = deploy(here, "second", clock)
    record(here.target("local"), 2, second[0])
    failed = [deploy(here, f"failed {number}", clock) for number in range(6)]

    state = here.target("local").local.state
    for digest, environment in (first, other, second):
        assert is_kept(state, digest)
        assert environment.is_dir()
    assert [is_kept(state, digest) for digest, _ in failed] == [False] + [True] * 5
    assert [environment.is_dir() for _, environment in failed] == [False] + [True] * 5
