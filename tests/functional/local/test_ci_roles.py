"""`opsctl bootstrap --github`, as an administrator runs it: stacks, roles and what is printed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.functional.local.sandbox import Sandbox

pytestmark = pytest.mark.emulator
ISSUER = "token.actions.githubusercontent.com"
ENVIRONMENTS = """
default_environment: hml
defaults:
  service: shop
  client: acme
  target: aws
  region: us-east-1
  vpc: {nat_gateways: 1}
  observability: {alert_email: night@example.com}
  application: {path: ., settings: shop.settings, python: '3.13'}
environments:
  hml: {ecs: {manage_repository: true}}
  prd: {}
  local: {target: local, ecs: {manage_repository: true}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS)
    return tmp_path


def opsctl(project: Path, sandbox: Sandbox, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(project), "AWS_ENDPOINT_URL": sandbox.endpoints.endpoint_url,
        "AWS_ACCESS_KEY_ID": sandbox.target.key.id, "AWS_SECRET_ACCESS_KEY": sandbox.target.key.secret,
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("opsctl")), *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def trusted(sandbox: Sandbox, arn: str) -> dict[str, Any]:
    role = sandbox.client("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]
    statement: dict[str, Any] = role["AssumeRolePolicyDocument"]["Statement"][0]
    return statement


def test_an_administrator_gives_a_repository_its_roles_and_gives_them_again(project: Path, sandbox: Sandbox) -> None:
    told = opsctl(project, sandbox, "bootstrap", "--github", "Acme/shop", "--json")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)["environments"]
    assert list(found) == ["hml-plan", "hml-publish", "hml", "prd-plan", "prd-publish", "prd"]
    account = found["hml"]["AWS_ROLE_ARN"].split(":")[4]
    for environment, variables in found.items():
        trust = trusted(sandbox, variables["AWS_ROLE_ARN"])
        assert trust["Principal"] == {"Federated": f"arn:aws:iam::{account}:oidc-provider/{ISSUER}"}
        assert trust["Condition"] == {
            "StringEquals": {
                f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": f"repo:Acme/shop:environment:{environment}"
            }
        }  # fmt: skip
        assert variables["AWS_REGION"] == "us-east-1"
    for name in ("hml", "prd"):
        assert trusted(sandbox, found[name]["AWS_DEPLOY_ROLE_ARN"])["Principal"] == {"AWS": found[name]["AWS_ROLE_ARN"]}
    # The provider is the first stack's, and stays so.
    cloudformation = sandbox.client("cloudformation")
    holders = {}
    for name in ("hml", "prd"):
        stack = cloudformation.describe_stacks(StackName=f"opsctl-ci-{name}-shop-acme")["Stacks"][0]
        holders[name] = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}["Provider"]
        assert stack["EnableTerminationProtection"] is True
    assert holders == {"hml": "true", "prd": "false"}
    again = opsctl(project, sandbox, "bootstrap", "--github", "Acme/shop", "--environments", "hml")
    assert again.returncode == 0, again.stderr
    assert (
        f"gh variable set AWS_ROLE_ARN --repo Acme/shop --env hml --body {found['hml']['AWS_ROLE_ARN']}" in again.stdout
    )
    assert "prd" not in again.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--github", "shop"], "`shop` is no repository of GitHub"),
        (["--github", "Acme/*"], "`Acme/*` is no repository of GitHub"),
        (["--github", "Acme/shop", "--subject", "repo:Acme*/shop"], "Wildcards would let strangers in"),
        (["--github", "Acme/shop", "--subject", "repo:Evil/shop"], "how the `sub` of Acme/shop's tokens begins"),
        (["--github", "Acme/shop", "--environments", "local"], "local runs on this machine, which CI never enters"),
        (["--environments", "hml"], "--environments says nothing without --github"),
    ],
)
def test_what_would_let_in_nobody_or_everybody_is_refused(
    project: Path, sandbox: Sandbox, arguments: list[str], sentence: str
) -> None:
    done = opsctl(project, sandbox, "bootstrap", *arguments)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())


def test_a_provider_that_takes_no_tokens_for_aws_is_told_before_anything_is_made(
    project: Path, sandbox: Sandbox
) -> None:
    iam = sandbox.client("iam")
    shutil.rmtree(project / ".opsctl", ignore_errors=True)
    arn = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"][0]["Arn"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=["somebody"])
    done = opsctl(project, sandbox, "bootstrap", "--github", "Acme/other", "--environments", "prd", "--yes")
    assert done.returncode == 1
    assert "takes no tokens for sts.amazonaws.com" in " ".join(done.stderr.split())
