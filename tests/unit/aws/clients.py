"""boto3 clients for tests: answered by a Stubber, or by moto where that behaves like AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.stub import Stubber

REGION = "us-east-1"
ACCOUNT = "123456789012"


def client(service: str) -> Any:
    """A client with the tests' credentials."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


@contextmanager
def stubbed(service: str) -> Iterator[tuple[Any, Stubber]]:
    """A client and its Stubber; every answer that was laid in must have been taken at the end."""
    made = client(service)
    with Stubber(made) as stub:
        yield made, stub
        stub.assert_no_pending_responses()
