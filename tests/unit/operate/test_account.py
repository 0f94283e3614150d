"""Which environment of an account is meant, when no file says."""

from __future__ import annotations

import pytest

from opsctl.aws.cloudformation import Stack
from opsctl.deploy.planning.holdings import Holding
from opsctl.errors import UsageError
from opsctl.operate.account import Found, choose


def holding(environment: str, service: str = "shop", client: str = "acme", region: str = "us-east-1") -> Holding:
    stacks = {"data": Stack(f"{environment}-{service}-data-{client}", "id", "CREATE_COMPLETE")}
    return Holding(environment, service, client, region, stacks)


def found(*environments: Holding, region: str = "us-east-1") -> Found:
    return Found("123456789012", region, bootstrap=True, environments=environments)


def test_the_only_one_of_the_name_is_meant_in_whichever_region() -> None:
    there = holding("dev", region="eu-west-1")
    assert choose([found(holding("prd")), found(there)], "dev", service=None, client=None) is there


@pytest.mark.parametrize(("service", "client"), [("blog", None), (None, "newco"), ("blog", "newco")])
def test_of_several_service_or_client_say_which(service: str | None, client: str | None) -> None:
    places = [found(holding("dev"), holding("dev", "blog", "newco"))]
    assert choose(places, "dev", service=service, client=client).client == "newco"
    with pytest.raises(UsageError, match="2 environments are called `dev`: service shop of client acme") as refused:
        choose(places, "dev", service=None, client=None)
    assert "--service" in refused.value.hint


def test_one_that_is_not_there_is_told_with_what_is_and_where_was_looked() -> None:
    with pytest.raises(UsageError, match="`dev` are in 123456789012, us-east-1") as refused:
        choose([found(holding("prd"))], "dev", service=None, client=None)
    assert "prd (shop, acme)" in refused.value.hint
    with pytest.raises(UsageError) as refused:
        choose([found()], "dev", service=None, client=None)
    assert "--region" in refused.value.hint
