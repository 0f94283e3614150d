"""What environments of one file share: a repository, releases, and names that can be taken once."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.config import sharing

from .test_rules import ZONE, environment


@pytest.mark.parametrize(("managers", "count"), [((), 1), (("dev",), 0), (("dev", "hml"), 1)])
def test_exactly_one_environment_manages_a_repository(managers: tuple[str, ...], count: int) -> None:
    environments = {
        name: environment(name=name, ecs={"manage_repository": name in managers}) for name in ("dev", "hml")
    }
    assert len(list(sharing.repositories(environments))) == count


@pytest.mark.parametrize(("account", "count"), [("111111111111", 0), ("222222222222", 1), (None, 0)])
def test_an_environment_of_another_account_may_not_build_into_the_repository(account: str | None, count: int) -> None:
    owner = environment(name="hml", account_id="111111111111")
    builder = environment(account_id=account, ecs={"manage_repository": False, "build_on_deploy": True})
    found = list(sharing.repositories({"hml": owner, "dev": builder}))
    assert [(name, problem.path) for name, problem in found] == [("dev", ("ecs", "build_on_deploy"))] * count


def test_a_name_that_can_be_taken_once_is_one_environments() -> None:
    blocks: dict[str, Any] = {
        "dashboard": {"enabled": True, "bucket_name": "pages", "domain_name": "d.example.com", **ZONE},
        "security": {"customer_managed_keys": True, "kms_aliases": {"data": "shop"}},
        "rds": {"import_instance": "old"},
        "application": {"web": {"domains": ("shop.example.com",), **ZONE}},
    }
    two = {name: environment(name=name, **blocks) for name in ("dev", "hml")}
    told = {".".join(map(str, problem.path)): problem.fix for name, problem in sharing.names(two) if name == "hml"}
    assert told == {
        "dashboard.bucket_name": "Write `pages-hml`.",
        "dashboard.domain_name": "Write one such as hml.d.example.com.",
        "security.kms_aliases.data": "Write `shop-hml`, or leave it out.",
        "rds.import_instance": "Remove it: one environment takes it over, another can restore a snapshot of it "
        "(rds.snapshot_identifier).",
        "application.web.domains": "Write one such as hml.shop.example.com.",
    }
    assert list(sharing.names({"dev": two["dev"]})) == []
    abroad = two["hml"].model_copy(update={"region": "eu-west-1"})
    assert "security.kms_aliases.data" not in {
        ".".join(map(str, problem.path)) for _, problem in sharing.names({"dev": two["dev"], "hml": abroad})
    }


def promoted(**others: Any) -> list[tuple[str, str]]:
    """What is told of `dev`, which takes what `hml` ran, when `hml` is like this."""
    envs = {
        "dev": environment(ecs={"repository_name": "app"}, images={"promoted_from": "hml"}, account_id="1" * 12),
        "hml": environment(name="hml", ecs={"repository_name": "app"}).model_copy(update=others),
    }
    return [(name, f"{problem.what}. {problem.fix}") for name, problem in sharing.promotions(envs)]


def test_an_environment_takes_what_another_of_its_repository_ran() -> None:
    assert promoted() == []
    assert promoted(account_id="1" * 12) == []


def test_one_that_is_not_there_or_itself_or_local_is_no_other() -> None:
    alone = environment(images={"promoted_from": "dev"})
    ((_, problem),) = sharing.promotions({"dev": alone})
    assert problem.what == "`dev` is no other environment on AWS"
    ((_, problem),) = sharing.promotions({"dev": environment(images={"promoted_from": "prd"})})
    assert problem.what == "`prd` is no other environment on AWS"
    assert promoted(target="local")[0][1].endswith("Remove it: there is none.")


def test_its_repository_and_its_records_have_to_be_in_reach() -> None:
    other = environment(ecs={"repository_name": "other"}).ecs
    assert "runs images of the repository `other`, and dev of `app`" in promoted(ecs=other)[0][1]
    assert "lie in account 222222222222" in promoted(account_id="2" * 12)[0][1]


def test_no_two_wait_for_each_other() -> None:
    waits = environment(images={"promoted_from": "dev"}).images
    assert promoted(images=waits) == [
        ("dev", "dev and hml wait for each other. Remove it from the first."),
        ("hml", "hml and dev wait for each other. Remove it from the first."),
    ]
