"""Which environments get roles for CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.errors import UsageError
from opsctl.operate.ci_roles import targets
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
