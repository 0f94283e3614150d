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


def test_one_deploy_an_environment_at_a_time_is_never_ended_in_the_middle() -> None:
    jobs = read("deploy.yml")["jobs"]
    acting = {name: job for name, job in jobs.items() if not name.startswith(("plan-", "publish"))}
    assert acting.keys() == {"deploy-hml", "deploy-prd", "rollback"}
    for job in acting.values():  # which take the role that changes something in turn
        assert job["concurrency"] == {"group": f"deploy-{job['environment']}", "cancel-in-progress": False}
        chained = [step["with"] for step in job["steps"] if "role-chaining" in step.get("with", {})]
        assert [each["role-skip-session-tagging"] for each in chained] == [True]


def test_only_a_green_push_of_the_default_branch_is_deployed_and_as_it_was_tested() -> None:
    workflow = read("deploy.yml")
    jobs = workflow["jobs"]
    assert workflow[True]["workflow_run"]["workflows"] == [read("ci.yml")["name"]]
    given = jobs["publish"]["if"].split(" && ")
    assert set(given) == {
        "github.event_name == 'workflow_run'",
        "github.event.workflow_run.conclusion == 'success'",
        "github.event.workflow_run.event == 'push'",
        "github.event.workflow_run.head_repository.full_name == github.repository",
        "github.event.workflow_run.head_branch == github.event.repository.default_branch",
    }
    for name, job in jobs.items():
        wanted = "${{ github.event.workflow_run.head_sha }}" if name != "rollback" else None
        assert [step["with"].get("ref") for step in job["steps"] if "checkout" in step.get("uses", "")] == [wanted], (
            name
        )
    assert [step for file in FILES for step in steps(read(file.name)) if "GITHUB_ENV" in step.get("run", "")] == []
