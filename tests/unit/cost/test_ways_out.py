"""docs/networking.md tells what each way out of private subnets costs, and what stays the same whichever it is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.functional.cli import ROOT

from .scenes import estimated

PAGE = (ROOT / "docs" / "networking.md").read_text(encoding="utf-8")
NO_INSTANCE = {"nat__use_nat_instance": False}
WAYS: dict[str, dict[str, Any]] = {
    "NAT instance (t3.micro)": {},
    "one gateway": {**NO_INSTANCE, "vpc__nat_gateways": 1},
    "two gateways, one a zone": {**NO_INSTANCE, "vpc__nat_gateways": 2},
    "endpoints alone (4 services, 2 zones)": {**NO_INSTANCE, "vpc__interface_endpoints": True},
    "one gateway and endpoints": {**NO_INSTANCE, "vpc__nat_gateways": 1, "vpc__interface_endpoints": True},
}
TABLE = PAGE.split("<!-- ways out -->")[1].split("<!-- /ways out -->")[0]
ROWS = {row[0]: row[1:] for row in re.findall(r"^\| (.+) \| ([\d.]+) \| ([\d.]+) \| (.+) \|$", TABLE, re.MULTILINE)}


def test_the_table_has_every_way() -> None:
    assert [*ROWS] == [*WAYS]


@pytest.mark.parametrize("way", WAYS)
def test_the_table_says_what_is_estimated(way: str) -> None:
    assert f"{estimated('dev', **WAYS[way]).total:.2f}" == ROWS[way][0]


def test_the_rest_of_the_environment_costs_the_same_whichever_it_is() -> None:
    assert {f"{float(total) - float(way):.2f}" for total, way, _ in ROWS.values()} == {"52.96"}


@pytest.mark.parametrize(
    ("way", "usage"), [("one gateway", "nat_gb"), ("endpoints alone (4 services, 2 zones)", "endpoint_gb")]
)
def test_a_hundred_gigabytes_more_cost_what_the_table_says(way: str, usage: str) -> None:
    more = estimated("dev", **WAYS[way], **{f"observability__usage__{usage}": 110.0})
    assert f"{more.total - estimated('dev', **WAYS[way]).total:.2f}" == ROWS[way][2]
