"""`docs/from-cdk.md` has a row for everything that the CDK project's README names.

The lists are of that README. Where a copy of it lies beside the checkout, they are held against it.
"""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from opsctl.config.models import Environment
from tests.functional.cli import ROOT

PAGE = (ROOT / "docs" / "from-cdk.md").read_text(encoding="utf-8")
README = ROOT.parent / "shared" / "seed.md"
KEYS = (
    "service", "client", "nat.useNatInstance", "rds.enableReplica", "ecs.buildOnDeploy", "ecs.repositoryName",
    "ecs.manageRepository", "ecs.imageTag", "observability.alertEmail", "dashboard", "enabled", "domainName",
    "hostedZoneId", "hostedZoneName", "certificateArn",
)  # fmt: skip
CONTEXT = ("env", "environment", "imageTag", "region")
GLOBALS = ("naming", "tagging", "security toggles")
# The words that a command begins with, without the options between.
COMMANDS = (
    "npm install", "npm install -g aws-cdk", "npm ci", "npm run build", "cdk bootstrap", "cdk deploy", "docker build",
    "docker run", "docker login", "docker tag", "docker push", "aws ecr get-login-password", "python manage.py test",
    "python manage.py fetch_salary_sources", "python manage.py build_salary_dataset",
    "python manage.py load_salary_dataset", "python manage.py load_salary_dataset --append",
    "python manage.py collectstatic", "python manage.py export_dashboard",
)  # fmt: skip
STACKS = ("NetworkStack", "DataStack", "AppStack", "EcrRepositoryUri")
WORKFLOWS = ("ci.yml", "datasets.yml", "deploy-dashboard.yml")
SECRETS = ("GH_TOKEN", "DASHBOARD_S3_BUCKET", "DASHBOARD_AWS_ROLE_ARN", "DASHBOARD_AWS_REGION")


def section(title: str) -> list[tuple[str, ...]]:
    """The cells of a section's table, without its head."""
    text = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in row) for row in rows[2:]]


def left(title: str) -> str:
    return "\n".join(row[0] for row in section(title))


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_has_a_row(key: str) -> None:
    assert f"`{key}`" in left("Settings")


@pytest.mark.parametrize("name", CONTEXT)
def test_every_context_has_a_row(name: str) -> None:
    assert f"`-c {name}`" in left("Settings") + left("Commands")


@pytest.mark.parametrize("name", GLOBALS)
def test_every_default_of_globals_has_a_row(name: str) -> None:
    assert f"`globals.ts`: {name}" in left("Settings")


@pytest.mark.parametrize("command", [*COMMANDS, *STACKS])
def test_every_command_and_stack_has_a_row(command: str) -> None:
    assert command in left("Commands")


@pytest.mark.parametrize("name", [*WORKFLOWS, *SECRETS])
def test_every_workflow_and_its_secrets_have_a_row(name: str) -> None:
    assert f"`{name}`" in left("Workflows")


def settings() -> set[str]:
    """Every key of an environment, dotted."""
    found: set[str] = set()

    def walk(model: type[BaseModel], above: str) -> None:
        for name, field in model.model_fields.items():
            key = f"{above}{field.alias or name}"
            found.add(key)
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                walk(field.annotation, f"{key}.")

    walk(Environment, "")
    return found


def test_every_setting_that_the_page_names_is_one() -> None:
    dotted = {each for row in section("Settings") for each in re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)`", row[1])}
    assert len(dotted) > 15
    assert dotted - settings() == set()


@pytest.mark.skipif(not README.exists(), reason="the README of the CDK project is not beside the checkout")
def test_the_lists_hold_all_that_the_readme_names() -> None:
    text = README.read_text(encoding="utf-8")
    configured = text.split("## Configure environments")[1].split("\n## ")[0]
    named = {re.sub(r"=.*", "", key) for key in re.findall(r"`([a-z][\w.]*(?:=\w+)?)`", configured)}
    values = {"dev", "latest", "true", "false", "hml", "prd", "us-east-1", "buildOnDeploy", "manageRepository"}
    assert named - values == {*KEYS}
    assert {*re.findall(r"-c (\w+)=", text)} == {*CONTEXT}
    assert {*re.findall(r"workflows/([\w-]+\.yml)", text)} == {*WORKFLOWS}
    assert {*re.findall(r"`((?:DASHBOARD|GH)_[A-Z0-9_]+)`", text)} == {*SECRETS}
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL)) + "\n".join(re.findall(r"`([^`\n]+)`", text))
    typed = re.findall(r"\b(?:npm (?:install|ci|run \w+)|cdk [a-z]+|docker [a-z]+|python manage\.py \w+)", blocks)
    assert typed
    assert {each for each in typed if not any(known.startswith(each) for known in COMMANDS)} == set()
