"""The upkeep stack: what looks after the database, which nothing waits for but who reads the replica."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.config import naming
from opsctl.stacks import app, catalog, data, jobs, upkeep
from tests.unit.stacks.reading import NAMES, Stack, environment


def build(name: str, **settings: Any) -> Stack:
    return Stack(upkeep.build(environment(name, **settings)))


@pytest.mark.parametrize("name", NAMES)
def test_only_who_reads_the_replica_waits_for_it(name: str) -> None:
    env = environment(name)
    waiting = {template.stack for template in catalog.templates(env) if "upkeep" in template.depends_on}
    assert waiting == ({"app"} if env.rds.enable_replica else set())
    assert "upkeep" not in jobs.build(env).depends_on
    assert "upkeep" not in app.build(environment(name, rds__enable_replica=False)).depends_on


def test_a_budgets_name_fits_however_long_the_environments_are_and_changes_with_the_address() -> None:
    env = environment("dev")
    assert naming.budget_name(env, "0123abcd") == f"dev-{env.service}-budget-{env.client}-0123abcd"
    long = environment("dev", service="s" * 40, client="c" * 40)
    one, other = (naming.budget_name(long, mark) for mark in ("0123abcd", "4567abcd"))
    assert len(one) == len(other) == 100
    assert one != other
    assert one.startswith(f"dev-{'s' * 40}-budget-")


def test_nothing_in_it_holds_data_so_it_can_be_removed_and_made_again() -> None:
    assert build("prd").template.stateful == ()


def test_rotation_leaves_out_the_same_characters_as_the_first_password() -> None:
    first = Stack(data.build(environment("prd")))["MasterSecret"]["GenerateSecretString"]["ExcludeCharacters"]
    assert build("prd")["MasterSecretRotation"]["HostedRotationLambda"]["ExcludeCharacters"] == first


@pytest.mark.parametrize("length", [3, 40])
def test_the_hosted_functions_name_is_one_that_lambda_takes_and_a_long_one_is_not_shared(length: int) -> None:
    long = "x" * length
    names = {
        naming.rotation_function(environment("dev", service=long, client=client))
        for client in (f"{long[:-1]}a", f"{long[:-1]}b")
    }
    assert len(names) == 2
    assert all(len(name) <= 64 for name in names)


def test_what_its_transform_makes_is_acknowledged() -> None:
    assert {"CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM"} <= set(build("dev").template.capabilities)
