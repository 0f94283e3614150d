"""Answers of the Price List API, in the shape in which they were recorded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from opsctl.cost.offers import SOURCE, Query, Unanswered, query, read
from opsctl.cost.prices import Price


def product(
    usage: str, *tiers: tuple[str, str], date: str = "2026-09-01T00:00:00Z", **attributes: str
) -> dict[str, Any]:
    """A product with one on-demand term; a tier is where it begins and its dollars."""
    dimensions = {
        f"SKU.JRTCKXETXF.{number}": {
            "appliesTo": [], "beginRange": begin, "endRange": "Inf", "unit": "Hrs", "pricePerUnit": {"USD": usd},
        }
        for number, (begin, usd) in enumerate(tiers)
    }  # fmt: skip
    term = {"effectiveDate": date, "offerTermCode": "JRTCKXETXF", "priceDimensions": dimensions}
    return {
        "product": {"attributes": {"usagetype": usage, **attributes}, "sku": "SKU"},
        "terms": {"OnDemand": {"SKU.JRTCKXETXF": term}},
    }


def answer(item: str, region: str, *products: dict[str, Any]) -> Price | Unanswered:
    asked = query(item)
    assert asked is not None
    return read(item, region, asked, products)


@pytest.mark.parametrize("mark", ["", "SAE1-", "EU-", "USE1-"])
def test_a_price_is_read_whatever_the_regions_mark(mark: str) -> None:
    found = answer("nat.hour", "sa-east-1", product(f"{mark}NatGateway-Hours", ("0", "0.0930000000")))
    assert found == Price("nat.hour", "sa-east-1", "hour", Decimal("0.0930000000"), "API", "2026-09-01", SOURCE)


def test_kms_marks_its_regions_by_their_names() -> None:
    found = answer("kms.key", "sa-east-1", product("sa-east-1-KMS-Keys", ("0", "1.0")))
    assert isinstance(found, Price)
    assert isinstance(answer("kms.key", "sa-east-1", product("eu-west-1-KMS-Keys", ("0", "1.0"))), Unanswered)


def test_of_tiers_the_first_that_costs_something_counts() -> None:
    tiers = [("51200", "0.0390"), ("0", "0.0405"), ("512000", "0.0370")]
    found = answer("s3.gb", "sa-east-1", product("SAE1-TimedStorage-ByteHrs", *tiers))
    assert isinstance(found, Price)
    assert found.usd == Decimal("0.0405")
    found = answer("out.gb", "us-east-1", product("DataTransfer-Out-Bytes", ("0", "0.0000000000"), ("100", "0.09")))
    assert isinstance(found, Price)
    assert found.usd == Decimal("0.09")


def test_a_unit_of_the_api_becomes_the_tables() -> None:
    found = answer("waf.requests", "us-east-1", product("USE1-RequestV2-Tier1", ("0", "0.0000006000")))
    assert isinstance(found, Price)
    assert (found.usd, found.unit) == (Decimal("0.6"), "million requests")


def test_other_products_of_the_answer_are_passed_over() -> None:
    found = answer(
        "alb.hour", "ca-central-1",
        product("CAN1-TS-LoadBalancerUsage", ("0", "0.0055")), product("TS-LoadBalancerUsage", ("0", "0.0056")),
        product("CAN1-LoadBalancerUsage", ("0", "0.02475")),
    )  # fmt: skip
    assert isinstance(found, Price)
    assert found.usd == Decimal("0.02475")
    found = answer(
        "rds.gp3.single", "us-east-1",
        product("RDS:GP3-Storage", ("0", "0.115"), databaseEngine="PostgreSQL"),
        product("RDS:GP3-Storage", ("0", "0.2"), databaseEngine="SQL Server"),
        product("RDS:Multi-AZ-GP3-Storage", ("0", "0.23"), databaseEngine="Any"),
    )  # fmt: skip
    assert isinstance(found, Price)
    assert found.usd == Decimal("0.115")


@pytest.mark.parametrize("size", ["2xl", "2xlarge"])
def test_a_large_database_is_found_as_rds_abbreviates_it(size: str) -> None:
    asked = query("rds.db.r5.2xlarge.single")
    assert asked is not None
    assert asked.usage in f"APN1-InstanceUsage:db.r5.{size}"  # the call asks for what contains it
    assert asked.attributes["instanceType"] == "db.r5.2xlarge"
    other = product(f"APN1-InstanceUsage:db.r5.1{size}", ("0", "9"), databaseEngine="PostgreSQL")
    own = product(f"APN1-InstanceUsage:db.r5.{size}", ("0", "1.18"), databaseEngine="PostgreSQL")
    found = answer("rds.db.r5.2xlarge.single", "ap-northeast-1", other, own)
    assert isinstance(found, Price)
    assert found.usd == Decimal("1.18")


def test_no_price_and_two_different_ones_are_no_answer() -> None:
    nothing = answer("nat.hour", "us-east-1")
    assert nothing == Unanswered("nat.hour", "us-east-1", "the answer has no price")
    yuan: dict[str, Any] = product("NatGateway-Hours", ("0", "0.045"))
    yuan["terms"]["OnDemand"]["SKU.JRTCKXETXF"]["priceDimensions"]["SKU.JRTCKXETXF.0"]["pricePerUnit"] = {"CNY": "1"}
    assert isinstance(answer("nat.hour", "us-east-1", yuan), Unanswered)
    assert isinstance(answer("nat.hour", "us-east-1", {"product": {}}, {}), Unanswered)
    two = answer(
        "nat.hour", "us-east-1",
        product("NatGateway-Hours", ("0", "0.045")), product("NatGateway-Hours", ("0", "0.05")),
    )  # fmt: skip
    assert two == Unanswered("nat.hour", "us-east-1", "the answer has 2 different prices")


def test_the_newest_of_equal_prices_gives_the_date() -> None:
    found = answer(
        "nat.hour", "us-east-1",
        product("NatGateway-Hours", ("0", "0.045"), date="2026-01-01T00:00:00Z"),
        product("NatGateway-Hours", ("0", "0.0450"), date="2026-10-01T00:00:00Z"),
    )  # fmt: skip
    assert isinstance(found, Price)
    assert found.date == "2026-10-01"


def test_machines_are_asked_for_by_their_types_and_data_by_where_it_comes_from() -> None:
    assert query("rds.db.m8g.large.multi") == Query(
        "AmazonRDS", "Multi-AZUsage:db.m8g.large", {"instanceType": "db.m8g.large", "databaseEngine": "PostgreSQL"}
    )
    asked = query("ec2.t4g.nano")
    assert asked is not None
    assert (asked.usage, asked.filters("eu-west-1")["operatingSystem"]) == ("BoxUsage:t4g.nano", "Linux")
    out = query("out.gb")
    assert out is not None
    assert out.filters("eu-west-1") == {"fromRegionCode": "eu-west-1", "transferType": "AWS Outbound"}
    assert query("guardduty") is None
    assert query("insights.enhanced") is None


@pytest.mark.parametrize("usd", ["NaN", "sNaN", "Infinity", "-0.045", "", "0.0.1", None, [], True, {"USD": "1"}])
def test_what_is_no_amount_of_dollars_is_no_price(usd: Any) -> None:
    """The file would be refused by whatever reads it next."""
    found = answer("nat.hour", "us-east-1", product("NatGateway-Hours", ("0", usd)))
    assert found == Unanswered("nat.hour", "us-east-1", "the answer has no price")


@pytest.mark.parametrize("begin", ["NaN", None, "x", []])
def test_a_tier_that_begins_nowhere_is_none(begin: Any) -> None:
    found = answer("nat.hour", "us-east-1", product("NatGateway-Hours", (begin, "1"), ("0", "0.045")))
    assert isinstance(found, Price)
    assert found.usd == Decimal("0.045")


@pytest.mark.parametrize(
    "odd",
    [
        {"product": None}, {"product": []}, {"product": {"attributes": None}}, {"terms": None}, {"terms": []},
        {"product": {"attributes": {"usagetype": None}}}, {"product": {"attributes": {"usagetype": 1}}},
        {"terms": {"OnDemand": None}}, {"terms": {"OnDemand": {"a": None}}},
        {"terms": {"OnDemand": {"a": {"priceDimensions": []}}}},
        {"terms": {"OnDemand": {"a": {"priceDimensions": {"b": None}}}}},
        {"terms": {"OnDemand": {"a": {"priceDimensions": {"b": {"pricePerUnit": "1"}}}}}},
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_passed_over(odd: dict[str, Any]) -> None:
    good = product("NatGateway-Hours", ("0", "0.045"))
    assert isinstance(answer("nat.hour", "us-east-1", {**good, **odd}), Unanswered)
    assert isinstance(answer("nat.hour", "us-east-1", {**good, **odd}, good), Price)


@pytest.mark.parametrize("date", [None, "", "soon", 20260901])
def test_a_price_without_a_date_is_none(date: Any) -> None:
    """A row of the table has one."""
    found = answer("nat.hour", "us-east-1", product("NatGateway-Hours", ("0", "0.045"), date=date))
    assert found == Unanswered("nat.hour", "us-east-1", "the answer has no price")
