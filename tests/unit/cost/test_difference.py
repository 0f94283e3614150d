"""What a deploy changes of a bill."""

from __future__ import annotations

from typing import Any

from opsctl.config.models import Usage
from opsctl.cost.difference import CostChange, CostPart, difference
from opsctl.cost.prices import packaged
from tests.unit.stacks.reading import environment

from .scenes import configured, content


def between(before: dict[str, Any], after: dict[str, Any]) -> CostChange:
    return difference([content(before)], [content(after)], Usage(), packaged())


KEY = {"Type": "AWS::KMS::Key"}


def test_a_gateway_more_is_its_hours_and_its_address() -> None:
    dev = environment("hml", vpc__nat_gateways=2)
    found = difference(configured(environment("hml")), configured(dev), Usage(), packaged())
    assert found.parts == (CostPart("NAT gateway", 32.85), CostPart("public addresses", 3.65))  # 730 * 0.045, 0.005
    assert found.monthly == 36.5


def test_what_stays_as_it_is_changes_nothing() -> None:
    found = between({"K": KEY}, {"K": KEY})
    assert found.is_none
    assert (found.monthly, found.total) == (0.0, 1.0)


def test_what_a_stack_lets_go_of_and_keeps_in_the_account_costs_on() -> None:
    assert between({"K": KEY}, {}).monthly == -1.0
    kept = {**KEY, "DeletionPolicy": "RetainExceptOnCreate"}
    assert between({"K": kept}, {}).is_none


def test_what_nobody_knows_the_price_of_is_named_and_in_no_sum() -> None:
    found = between({"K": KEY}, {"K": KEY, "D": {"Type": "AWS::GuardDuty::Detector"}})
    assert found.parts == (CostPart("GuardDuty", None),)
    assert (found.monthly, found.unknown) == (0.0, 1)


def test_another_class_of_database_takes_the_old_price_off() -> None:
    def database(size: str) -> dict[str, Any]:
        return {"D": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBInstanceClass": size, "AllocatedStorage": 20}}}

    found = between(database("db.t4g.micro"), database("db.t4g.small"))
    assert [(part.what, part.monthly) for part in found.parts] == [
        ("database db.t4g.small single", 23.36), ("database db.t4g.micro single", -11.68),
    ]  # fmt: skip
    assert found.monthly == 11.68
