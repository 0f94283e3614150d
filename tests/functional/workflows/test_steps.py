"""Every step of every workflow does what it says, with commands and options that the real programs have."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.functional.cli import ROOT
from tests.functional.workflows.runner import Ran, Step, misunderstood, run, steps

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STEPS = [pytest.param(step, id=f"{path.stem}-{step.job}-{step.name}") for path in WORKFLOWS for step in steps(path)]
NAMED = {f"{path.stem} {step.job} {step.name}": step for path in WORKFLOWS for step in steps(path)}
RELEASES = {"opsctl releases": (0, '[{"number": 12}]')}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a file of its own and a dataset that git ignores, whose origin is beside it."""
    folder, origin = tmp_path / "checkout", tmp_path / "origin.git"
    git("init", "--quiet", "--bare", str(origin), cwd=tmp_path)
    git("init", "--quiet", "--initial-branch", "main", str(folder), cwd=tmp_path)
    git("remote", "add", "origin", str(origin), cwd=folder)
    (folder / "data").mkdir()
    (tmp_path / "dashboard").mkdir()  # what the step before downloads
    (folder / ".gitignore").write_text("data/*.csv\n.venv/\n")
    git("add", ".", cwd=folder)
    git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "first", cwd=folder)
    (folder / "data" / "salaries.csv").write_text("role,amount\nanalyst,1\n")
    return folder


def git(*arguments: str, cwd: Path) -> str:
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout


def of(name: str, checkout: Path, given: dict[str, tuple[int, str]] | None = None, **variables: str) -> Ran:
    return run(NAMED[name], checkout, given, **variables)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_runs_and_calls_only_what_there_is(step: Step, checkout: Path) -> None:
    ran = run(step, checkout, RELEASES)
    assert ran.code == 0, ran.text
    assert [why for call in ran.calls if (why := misunderstood(call, ROOT))] == []
    assert ran.calls or "settings" in step.name or step.job == "rollback" or "git" in step.script


@pytest.mark.parametrize(
    "call",
    [
        ["opsctl", "deploy", "--env", "hml", "--aprove", "x"],
        ["opsctl", "image", "pushed"],
        ["opsctl", "rollback", "--env", "hml", "1", "2"],
        ["make", "image-tests"],
        ["python", "manage.py", "export_dashboard", "--folder", "x"],
        ["python", "manage.py", "refresh"],
    ],
)
def test_what_no_program_takes_is_noticed(call: list[str]) -> None:
    assert misunderstood(call, ROOT)


SETTINGS = [name for name in NAMED if name.endswith(" settings")]


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_not_configured_says_so_and_nothing_follows(name: str, checkout: Path) -> None:
    step = NAMED[name]
    assert of(name, checkout).outputs == "complete=yes\n"
    needed = [each for each in step.variables if each in {"ROLE", "DEPLOY_ROLE", "REGION", "BUCKET"}]
    assert len(needed) >= 2
    for variable in needed:
        ran = of(name, checkout, given=None, **{variable: ""})
        assert (ran.code, ran.outputs) == (0, "")
        assert ran.text.startswith("::notice::Nothing was ")
        assert ("AWS_DEPLOY_ROLE_ARN" in ran.text) == ("DEPLOY_ROLE" in needed)


@pytest.mark.parametrize(("code", "given"), [(0, "id=0123abcd\n"), (3, "id=0123abcd\n"), (5, "")])
def test_a_plan_is_shown_and_named_and_one_that_failed_is_not(code: int, given: str, checkout: Path) -> None:
    ran = of("deploy plan-prd plan", checkout, {"opsctl diff": (code, "+ web\n``` not the end")}, IMAGE_TAG="hml-r12")
    assert (ran.code, ran.outputs) == (code if given == "" else 0, given)
    assert ran.summary == "~~~~~\n+ web\n``` not the end\n~~~~~\n"
    assert ran.calls[0][1:6] == ["diff", "--env", "prd", "--image-tag", "hml-r12"]


def test_the_plan_that_was_shown_is_the_one_that_is_deployed(checkout: Path) -> None:
    ran = of("deploy deploy-prd deploy", checkout, IMAGE_TAG="hml-r12", PLAN="0123abcd")
    assert ran.calls == [["opsctl", "deploy", "--env", "prd", "--image-tag", "hml-r12", "--approve", "0123abcd"]]


def test_the_release_goes_on_to_the_next_environment(checkout: Path) -> None:
    assert of("deploy deploy-hml release", checkout, RELEASES).outputs == "release=12\n"
    assert of("deploy deploy-hml release", checkout, {"opsctl releases": (5, "")}).code == 5


def test_a_failed_deploy_is_explained_in_the_summary(checkout: Path) -> None:
    ran = of("deploy deploy-hml Say why it failed", checkout, {"opsctl explain": (0, "It was the port.")})
    assert ran.summary == "~~~~~\nIt was the port.\n~~~~~\n"


@pytest.mark.parametrize(("release", "words"), [("12", ["--", "12"]), ("--yes", ["--", "--yes"]), ("", [])])
def test_a_release_of_the_form_is_no_option(release: str, words: list[str], checkout: Path) -> None:
    ran = of("deploy rollback Roll back", checkout, RELEASE=release, ENVIRONMENT="prd")
    assert ran.calls == [["opsctl", "rollback", "--env", "prd", "--yes", *words]]
    assert misunderstood(ran.calls[0], ROOT) == ""


def test_a_rollback_without_roles_fails(checkout: Path) -> None:
    ran = of("deploy rollback 0", checkout, DEPLOY_ROLE="")
    assert ran.code == 1
    assert ran.text.startswith("::error::Nothing was rolled back")


def test_a_new_dataset_becomes_one_pull_request(checkout: Path) -> None:
    ran = of("datasets propose Propose", checkout)
    assert ran.code == 0, ran.text
    assert [call[1:3] for call in ran.calls] == [["auth", "setup-git"], ["pr", "list"], ["pr", "create"]]
    origin = checkout.parent / "origin.git"
    assert git("show", "datasets/refresh:data/salaries.csv", cwd=origin) == "role,amount\nanalyst,1\n"
    (checkout / "data" / "salaries.csv").write_text("role,amount\nanalyst,2\n")
    ran = of("datasets propose Propose", checkout, {"gh pr": (0, "4")})
    assert [call[1:3] for call in ran.calls] == [["auth", "setup-git"], ["pr", "list"]]
    assert "analyst,2" in git("show", "datasets/refresh:data/salaries.csv", cwd=origin)


def test_the_same_dataset_is_not_proposed(checkout: Path) -> None:
    git("add", "--force", "data/salaries.csv", cwd=checkout)
    git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "data", cwd=checkout)
    ran = of("datasets propose Propose", checkout)
    assert (ran.code, ran.calls) == (0, [])
