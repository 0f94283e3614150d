"""The line of a plan that says what it changes of a month's bill: from what is read anyway."""

from __future__ import annotations

from typing import Any, cast

import pytest

from opsctl.aws.session import Aws
from opsctl.cli.render_plan import plan_text
from opsctl.config.models import Environment
from opsctl.cost.prices import PriceTable
from opsctl.deploy.planning.plan import Plan
from opsctl.deploy.planning.situation import Request, Situation
from opsctl.stacks.model import StackTemplate

from .fakes import template
from .world import FakeAws, FakeBundle, FakeImage

ADDRESS = "E{0}: {{Type: AWS::EC2::EIP}}"


def body(gateways: int = 0, addresses: int = 0) -> str:
    resources = [f"  G{n}: {{Type: AWS::EC2::NatGateway}}\n" for n in range(gateways)]
    resources += [f"  E{n}: {{Type: AWS::EC2::EIP}}\n" for n in range(addresses)]
    return f"Resources:\n{''.join(resources)}  V: {{Type: AWS::EC2::VPC}}\n"


def planned(aws: FakeAws, *stacks: StackTemplate, on: str = "aws", prices: Any = None, **observability: Any) -> Plan:
    env = Environment.model_validate(
        {"name": "dev", "service": "shop", "client": "acme", "target": on, "observability": observability}
    )
    request = Request(tuple(each.stack for each in stacks))
    situation = Situation(
        env, (*stacks, template("app")), cast("Aws", aws), image=FakeImage(), bundle=FakeBundle(), request=request,
        prices=prices,
    )  # fmt: skip
    return situation.plan()


def deployed(*stacks: StackTemplate, status: str = "UPDATE_COMPLETE") -> FakeAws:
    aws = FakeAws()
    for each in stacks:
        aws.cloudformation.put(each, status)
    return aws


def test_what_a_change_adds_is_in_the_plan_and_in_its_text_and_not_in_its_id() -> None:
    aws = deployed(template("egress", body()))
    plan = planned(aws, template("egress", body(gateways=1)))
    assert plan.cost is not None
    assert plan.cost.monthly == 33.3  # 730 hours, and 10 GB that go through it
    assert plan.to_dict()["cost"]["parts"][0] == {"what": "NAT gateway", "monthly": 32.85}
    assert "Cost: +$33.30 a month: NAT gateway +$32.85, data through NAT gateways +$0.45." in plan_text(plan)
    other = planned(aws, template("egress", body(gateways=1)), prices=lambda: PriceTable({}))
    assert other.id == plan.id
    assert "not in it, as nobody knows the price: NAT gateway" in plan_text(other).replace("\n  ", " ")


def test_one_thing_alone_is_named_without_its_sum_twice_and_what_goes_is_taken_off() -> None:
    aws = deployed(template("egress", body(addresses=2)))
    assert "Cost: -$3.65 a month: public addresses." in plan_text(planned(aws, template("egress", body(addresses=1))))


def test_no_call_is_added() -> None:
    def calls(**more: Any) -> list[Any]:
        aws = deployed(template("egress", body()))
        planned(aws, template("egress", body(gateways=2)), **more)
        return [*aws.calls, *aws.account.asked]

    assert calls() == calls(monthly_budget=1.0)


def test_where_no_template_differs_no_price_is_read() -> None:
    def never() -> PriceTable:
        raise AssertionError

    same = template("egress", body(gateways=1))
    assert planned(deployed(same), same, prices=never).cost is None
    assert planned(deployed(template("egress", body())), same, on="local", prices=never).cost is None


def test_a_stack_that_has_to_be_made_again_is_not_there_yet() -> None:
    stack = template("egress", body(gateways=1))
    for aws in (deployed(stack, status="ROLLBACK_COMPLETE"), deployed()):
        plan = planned(aws, stack)
        assert plan.cost is not None
        assert plan.cost.monthly == 33.3


@pytest.mark.parametrize(("budget", "noted"), [(30.0, True), (40.0, False)])
def test_a_plan_that_leads_over_the_budget_says_so(budget: float, noted: bool) -> None:
    plan = planned(deployed(), template("egress", body(gateways=1)), monthly_budget=budget)
    said = [note for note in plan.notes if "over observability.monthly_budget ($30.00)" in note]
    assert bool(said) == noted
