"""Which environments get roles for CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.cli.render import ci_roles_text
from opsctl.errors import UsageError
from opsctl.operate.ci_roles import subject_of, targets
from opsctl.operate.target import Workspace
from tests.unit.operate.shop import ENVIRONMENTS


def workspace(tmp_path: Path, *names: str) -> Workspace:
    more = "".join(
        f"""
  {name}:
    account_id: "123456789012"
    ecs: {{repository_name: shop}}
    observability: {{alert_email: ops@example.com}}
    vpc: {{nat_gateways: 1}}
"""
        for name in names
    )
    managed = ENVIRONMENTS.replace("manage_repository: true", "manage_repository: true, repository_name: shop")
    (tmp_path / "environments.yaml").write_text(managed + more)
    return Workspace.open(tmp_path / "environments.yaml")


@pytest.mark.parametrize("asked", ["hml", "hml-plan"])
def test_who_may_plan_for_one_environment_never_deploys_another(tmp_path: Path, asked: str) -> None:
    there = workspace(tmp_path, "hml", "hml-plan")
    with pytest.raises(UsageError, match="one GitHub environment, hml-plan,") as refused:
        list(targets(there, [asked], "repo:acme/shop", None))
    assert refused.value.hint.startswith("Call hml-plan otherwise")


def test_names_that_only_begin_alike_are_apart(tmp_path: Path) -> None:
    there = workspace(tmp_path, "hml", "hml-planning")
    found = list(targets(there, ["hml", "hml-planning"], "repo:acme/shop", None))
    assert [each.env.name for each in found] == ["hml", "hml-planning"]


@pytest.mark.parametrize("given", [None, "repo:acme/shop", "repo:acme@123/shop@456", "repo:acme-123/shop-456"])
def test_a_subject_is_the_repositorys(given: str | None) -> None:
    assert subject_of("acme/shop", given) == (given or "repo:acme/shop")


@pytest.mark.parametrize(
    "given",
    [
        "repo:acme/shop-456",
        "repo:acme-123/shop",
        "repo:acme@123/shop",
        "repo:acme@1/shop-2",
        "repo:acme@1/shop@*",
        "repo:acme@/shop@",
    ],
)
def test_a_subject_that_another_repository_may_have_is_refused(given: str) -> None:
    """`acme-123` is a name that somebody can take, and so is `shop-456`."""
    with pytest.raises(UsageError, match="is not how the `sub` of acme/shop's tokens begins"):
        subject_of("acme/shop", given)


def test_who_gave_no_numbers_is_told_when_they_are_needed() -> None:
    variables = {"hml": {"AWS_REGION": "us-east-1"}}
    plain = ci_roles_text("acme/shop", variables, ids=False)
    assert plain.splitlines()[-1] == (
        """gh api repos/acme/shop --jq '"repo:\\(.owner.login)@\\(.owner.id)/\\(.name)@\\(.id)"'"""
    )
    assert "--subject" in plain
    assert "--subject" not in ci_roles_text("acme/shop", variables, ids=True)
