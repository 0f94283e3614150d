"""CloudFront: one invalidation, told apart by its reference."""

from __future__ import annotations

import pytest

from opsctl.aws.cloudfront import CloudFront
from opsctl.aws.errors import AwsRefusedError

from .clients import stubbed


def test_paths_are_counted_and_the_invalidation_is_named() -> None:
    with stubbed("cloudfront") as (made, stub):
        stub.add_response(
            "create_invalidation",
            {
                "Invalidation": {
                    "Id": "I1",
                    "Status": "InProgress",
                    "CreateTime": 0,
                    "InvalidationBatch": {"Paths": {"Quantity": 0}, "CallerReference": "r"},
                }
            },
            {
                "DistributionId": "E1",
                "InvalidationBatch": {
                    "Paths": {"Quantity": 2, "Items": ["/", "/index.html"]},
                    "CallerReference": "run-1",
                },
            },
        )
        assert CloudFront(made).invalidate("E1", ["/", "/index.html"], reference="run-1") == "I1"


def test_a_denied_invalidation_says_what_is_missing() -> None:
    with stubbed("cloudfront") as (made, stub):
        stub.add_client_error("create_invalidation", "AccessDenied", "no", http_status_code=403)
        with pytest.raises(AwsRefusedError, match="denied CreateInvalidation"):
            CloudFront(made).invalidate("E1", ["/"], reference="r")
