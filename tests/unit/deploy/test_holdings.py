"""Environments found by their stacks, and one that is there under an earlier name."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from opsctl.aws.cloudformation import Stack
from opsctl.config.models import Environment
from opsctl.deploy.planning.holdings import Holding, earlier_names, holdings, namesakes
from opsctl.deploy.planning.situation import Request, Situation

from .fakes import template
from .world import FakeAws, FakeBundle, FakeImage

if TYPE_CHECKING:
    from opsctl.aws.session import Aws


def stack(
    short: str, env: str = "dev", service: str = "shop", client: str = "acme", *, name: str = "", **tags: str
) -> Stack:
    own = {"managed-by": "opsctl", "environment": env, "service": service, "client": client, **tags}
    name = name or f"{env}-{service}-{short}-{client}"
    return Stack(name, f"id/{name}", "CREATE_COMPLETE", tags=own)


def environment(name: str = "dev", service: str = "shop", client: str = "acme") -> Environment:
    return Environment.model_validate({"name": name, "service": service, "client": client})


def names(found: list[Holding]) -> list[tuple[str, str, str, list[str]]]:
    return [(each.environment, each.service, each.client, sorted(each.stacks)) for each in found]


def test_stacks_are_gathered_by_environment_service_and_client() -> None:
    found = holdings(
        [stack("data"), stack("app"), stack("app", "prd"), stack("app", service="my-shop"), stack("app", client="a-b")],
        "eu-west-1",
    )
    assert names(found) == [
        ("dev", "my-shop", "acme", ["app"]),
        ("dev", "shop", "a-b", ["app"]),
        ("dev", "shop", "acme", ["app", "data"]),
        ("prd", "shop", "acme", ["app"]),
    ]
    assert {each.region for each in found} == {"eu-west-1"}


@pytest.mark.parametrize(
    "other",
    [
        Stack("dev-shop-app-acme", "id", "CREATE_COMPLETE"),
        stack("app", name="somebody-elses"),
        stack("app", environment="production"),
        stack("strange"),
        Stack("opsctl-bootstrap", "id", "CREATE_COMPLETE", tags={"managed-by": "opsctl"}),
        stack("app", **{"managed-by": "terraform"}),
    ],
)
def test_what_tags_or_name_do_not_say_together_is_nobodys(other: Stack) -> None:
    assert holdings([other], "us-east-1") == []


def test_a_changed_client_or_service_is_told_with_both_ways_out() -> None:
    for env, old in ((environment(client="newco"), "client: acme"), (environment(service="boutique"), "service: shop")):
        (said,) = earlier_names(env, [stack("data"), stack("app")])
        assert "2 stacks of dev are there under" in said
        assert f"write `{old}` again" in said
        assert "opsctl destroy --env dev --from-account --service shop --client acme" in said


@pytest.mark.parametrize("env", [environment("prd", client="newco"), environment(service="blog", client="newco")])
def test_other_environments_and_projects_are_none_of_its_earlier_names(env: Environment) -> None:
    assert earlier_names(env, [stack("data")]) == []


@pytest.mark.parametrize(("deployed", "told"), [((), 1), (("network",), 0)])
def test_a_plan_says_it_before_the_first_stack_and_not_again(deployed: tuple[str, ...], told: int) -> None:
    aws = FakeAws()
    for name in deployed:
        aws.cloudformation.put(template(name), "CREATE_COMPLETE")
    old = stack("data", client="oldco")
    aws.cloudformation.stacks_by_name[old.name] = old
    templates = (template("network"), template("app"))
    situation = Situation(
        environment(),
        templates,
        cast("Aws", aws),
        image=FakeImage(),
        bundle=FakeBundle(),
        request=Request(("network",)),
    )
    notes = [note for note in situation.plan().notes if "under `oldco`" in note]
    assert len(notes) == told


def test_an_environment_for_another_client_has_the_same_secrets_names() -> None:
    others = [stack("app", client="newco"), stack("app", "prd"), stack("app", service="blog"), stack("app")]
    assert [each.client for each in namesakes(environment(), others)] == ["newco"]
