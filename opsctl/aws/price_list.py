"""The Price List API: what AWS sells, at list prices. It answers for all regions, from three of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from opsctl.aws.errors import AwsError
from opsctl.aws.translation import translated

REGION = "us-east-1"
"""One of those that have the endpoint; the others are eu-central-1 and ap-south-1. [AWS General Reference, pricing]"""


class PriceList:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def products(self, service: str, equal: Mapping[str, str], containing: Mapping[str, str]) -> list[dict[str, Any]]:
        """Products of a service with their terms, as AWS words them: all attributes match `equal` and `containing`."""
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in equal.items()]
        filters += [{"Type": "CONTAINS", "Field": name, "Value": value} for name, value in containing.items()]
        pages = self._client.get_paginator("get_products").paginate(ServiceCode=service, Filters=filters)
        with translated():
            texts = [text for page in pages for text in page["PriceList"]]
        try:
            found = [json.loads(text) for text in texts]
        except ValueError:
            raise AwsError(f"The Price List API's answer for {service} is not JSON.") from None
        return [each for each in found if isinstance(each, dict)]
