"""Workflows take no code that can change under us, no rights they do not use, and no text of others into a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.functional.cli import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())


def steps(workflow: Any) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("name", [file.name for file in FILES])
def test_actions_are_pinned_rights_given_one_by_one_and_scripts_hold_no_template(name: str) -> None:
    workflow = read(name)
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())
    for step in steps(workflow):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step.get("uses", "a/b@" + "0" * 40)), step
        assert "${{" not in step.get("run", ""), step


def test_the_same_action_has_the_same_pin_everywhere() -> None:
    pins = {step["uses"] for file in FILES for step in steps(read(file.name)) if "uses" in step}
    assert len(pins) == len({pin.split("@")[0] for pin in pins})


def test_the_dashboard_is_published_from_what_the_nightly_run_uploads() -> None:
    nightly, publish = read("datasets.yml"), read("deploy-dashboard.yml")
    uploaded = [step["with"]["name"] for step in steps(nightly) if "upload-artifact" in step.get("uses", "")]
    taken = [step["with"]["name"] for step in steps(publish) if "download-artifact" in step.get("uses", "")]
    assert taken == ["dashboard"]
    assert set(taken) < set(uploaded)
    assert publish[True]["workflow_run"]["workflows"] == [nightly["name"]]  # YAML 1.1 reads `on` as true
