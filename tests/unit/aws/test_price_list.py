"""The Price List API: texts in pages."""

from __future__ import annotations

import json

import pytest

from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.price_list import PriceList

from .clients import stubbed

FILTERS = [
    {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "sa-east-1"},
    {"Type": "CONTAINS", "Field": "usagetype", "Value": "NatGateway-Hours"},
]


def test_products_of_all_pages_are_read() -> None:
    with stubbed("pricing") as (made, stub):
        first = {"ServiceCode": "AmazonEC2", "Filters": FILTERS}
        stub.add_response("get_products", {"PriceList": [json.dumps({"product": 1})], "NextToken": "n"}, first)
        more = {"PriceList": [json.dumps({"product": 2}), "[]"]}
        stub.add_response("get_products", more, {**first, "NextToken": "n"})
        found = PriceList(made).products(
            "AmazonEC2", {"regionCode": "sa-east-1"}, {"usagetype": "NatGateway-Hours"}
        )  # fmt: skip
    assert found == [{"product": 1}, {"product": 2}]


def test_an_answer_that_is_no_json_and_a_refusal_are_told() -> None:
    with stubbed("pricing") as (made, stub):
        stub.add_response("get_products", {"PriceList": ["<html>"]})
        with pytest.raises(AwsError, match="AmazonEC2 is not JSON"):
            PriceList(made).products("AmazonEC2", {}, {})
        stub.add_client_error("get_products", "AccessDeniedException", "no")
        with pytest.raises(AwsRefusedError):
            PriceList(made).products("AmazonEC2", {}, {})
