"""`opsctl ci init` in another project, and the workflow of this one, which is made from the same texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from opsctl import __version__
from opsctl.project.workflows import Pipeline
from tests.functional.cli import ROOT, Ran, opsctl
from tests.functional.workflows.runner import misunderstood, run, steps

FOLDER = Path(".github") / "workflows"
ENVIRONMENTS = """
default_environment: hml
defaults:
  service: shop
  client: acme
  target: aws
  region: us-east-1
  vpc: {nat_gateways: 1}
  observability: {alert_email: night@example.com}
  application: {path: ., settings: shop.settings}
environments:
  hml: {ecs: {manage_repository: true}}
  prd: {}
  dev: {ecs: {manage_repository: true, build_on_deploy: true, repository_name: other}}
  eu: {region: eu-west-1}
  mine: {ecs: {manage_repository: true, repository_name: mine}}
  box: {ecs: {repository_name: shop}, application: {dockerfile: Dockerfile}}
  local: {target: local, ecs: {manage_repository: true}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "back end"
    folder.mkdir()
    (folder / "environments.yaml").write_text(ENVIRONMENTS)
    return folder


def init(project: Path, *words: str) -> Ran:
    return opsctl("ci", "init", *words, cwd=project)


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_this_repositorys_own_deploy_is_what_others_get() -> None:
    own = Pipeline(
        ("hml", "prd"),
        setup="make setup",
        opsctl=".venv/bin/opsctl",
        build='make image-test ENV="$ENVIRONMENT"',
        python="3.11",
    )
    assert (ROOT / FOLDER / "deploy.yml").read_text() == own.deploy()


def test_a_project_gets_workflows_whose_steps_opsctl_takes(project: Path) -> None:
    done = init(project, "--environments", "hml,prd", "--json")
    assert done.code == 0, done.err
    assert done.json["written"] == [".github/workflows/deploy.yml", ".github/workflows/ci.yml"]
    top = project.parent
    deploy, ci = read(top / FOLDER / "deploy.yml"), read(top / FOLDER / "ci.yml")
    assert list(deploy["jobs"]) == ["publish", "plan-hml", "deploy-hml", "plan-prd", "deploy-prd", "rollback"]
    assert deploy[True]["workflow_run"]["workflows"] == [ci["name"]]
    for workflow in (deploy, ci):
        assert workflow["permissions"] == {}
        # Never a name alone: on a package index it is another project's.
        assert workflow["env"] == {"OPSCTL": f"../.github/opsctl-{__version__}-py3-none-any.whl"}
        assert workflow["defaults"]["run"]["working-directory"] == "back end"
    assert deploy["jobs"]["deploy-prd"]["env"]["IMAGE_TAG"] == "hml-r${{ needs.deploy-hml.outputs.release }}"
    assert set(deploy["jobs"]["deploy-prd"]["needs"]) == {"plan-prd", "deploy-hml"}
    (checkout := project / "checkout").mkdir()
    for path in sorted((top / FOLDER).glob("*.yml")):
        assert "@{" not in path.read_text()
        for step in steps(path):
            if "pip" in step.script:
                continue
            ran = run(step, checkout, {"opsctl releases": (0, '[{"number": 12}]')})
            assert ran.code == 0, ran.text
            assert [why for call in ran.calls if (why := misunderstood(call, ROOT))] == []


@pytest.mark.parametrize(("names", "locks"), [("hml,prd", True), ("box", False), ("hml,box", True)])
def test_what_a_workflow_would_miss_is_said_beforehand(names: str, locks: bool, project: Path) -> None:
    """With CI set a build writes no lock: the first run would fail for want of one."""
    steps = init(project, "--environments", names, "--json").json["next_steps"]
    assert any(step.startswith("opsctl image lock, and commit opsctl.lock") for step in steps) is locks
    assert any("A private repository asks nobody outside of GitHub Enterprise" in step for step in steps)


def test_nothing_is_written_over(project: Path) -> None:
    assert init(project, "--environments", "hml,prd").code == 0
    (deploy := project.parent / FOLDER / "deploy.yml").write_text("name: mine\n")
    again = init(project, "--environments", "hml")
    assert (again.code, again.out) == (1, "")
    assert ".github/workflows/deploy.yml is already here, so nothing was written." in again.err
    assert deploy.read_text() == "name: mine\n"


def test_a_deploy_follows_the_workflow_that_is_there(project: Path) -> None:
    (folder := project.parent / FOLDER).mkdir(parents=True)
    (folder / "tests.yml").write_text('name: "Tests: all"\n')
    refused = init(project, "--environments", "hml")
    assert refused.code == 2
    assert "Tests: all" in refused.err
    assert not (folder / "deploy.yml").exists()
    assert init(project, "--environments", "hml", "--after", "Tests: all").code == 0
    assert read(folder / "deploy.yml")[True]["workflow_run"]["workflows"] == ["Tests: all"]
    assert not (folder / "ci.yml").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--environments", "nowhere"], "There is no environment `nowhere`"),
        (["--environments", "local"], "runs on this machine"),
        (["--environments", "hml,hml"], "named twice"),
        (["--environments", "dev"], "builds its image on a deploy"),
        (["--environments", "hml,eu"], "eu has another region than hml"),
        (
            ["--environments", "hml,mine"],
            "mine has another repository than hml, whose images and releases it can't "
            "read. Next: Let both have one ecs.repository_name, and one of them alone ecs.manage_repository.",
        ),
        (["--after", "${{ x }}", "--environments", "hml"], "no name of a workflow"),
    ],
)
def test_what_no_workflow_could_deploy_is_refused(words: list[str], why: str, project: Path) -> None:
    done = init(project, *words)
    assert (done.code, done.out) == (2, "")
    assert why in " ".join(done.err.split())
    assert not (project.parent / ".github").exists()
