"""Secrets Manager for tests that say what it answers."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """Secrets Manager, whose answers a test queues."""
    client = boto3.client("secretsmanager", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    stub = Stubber(client)
    stub.activate()
    return stub
