"""An environment ready to be used: what its local target runs when nobody said it."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.local.runtime import settle
from opsctl.local.state import StateDir
from opsctl.operate.target import Target, Workspace

ENVIRONMENTS = """
default_environment: local
defaults: {{service: shop, client: acme, application: {{path: ., settings: shop.settings, {image}}}}}
environments: {{local: {{target: local, ecs: {{manage_repository: true}}}}}}
"""


def target(folder: Path, image: str, runtime: str | None = None) -> Target:
    (folder / "environments.yaml").write_text(ENVIRONMENTS.format(image=image))
    return Workspace.open(folder / "environments.yaml").target("local", runtime=runtime)


@pytest.mark.parametrize(
    ("image", "runtime"),
    [
        ("python: '3.13'", "processes"),
        ("dockerfile: Dockerfile", "containers"),
        ("image: registry.example.com/shop", "containers"),
        ("dockerfile: Dockerfile, web: {command: [gunicorn, shop.wsgi]}", "processes"),
    ],
)
def test_a_command_that_only_an_image_has_needs_containers(tmp_path: Path, image: str, runtime: str) -> None:
    assert target(tmp_path, image).local.runtime == runtime


def test_what_was_asked_for_or_runs_already_counts_first(tmp_path: Path) -> None:
    assert target(tmp_path, "dockerfile: Dockerfile", "processes").local.runtime == "processes"
    state = StateDir.of(tmp_path)
    state.create()
    settle(state, "processes", lambda _: None)
    kept = target(tmp_path, "dockerfile: Dockerfile").local
    assert (kept.runtime, kept.settings.runtime) == ("processes", None)


def test_what_opsctl_keeps_is_closed_to_others_by_whatever_command_comes_first(tmp_path: Path) -> None:
    kept = tmp_path / ".opsctl"
    kept.mkdir()
    kept.chmod(0o777)
    target(tmp_path, "python: '3.13'")
    assert kept.stat().st_mode & 0o777 == 0o700
