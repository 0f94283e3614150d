"""Secrets Manager as moto has it: the stages that a rotation goes through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.secrets import Secrets

from .clients import client, stubbed


@pytest.fixture
def store() -> Iterator[Any]:
    with mock_aws():
        made = client("secretsmanager")
        made.create_secret(Name="master", SecretString="first")
        yield made


def test_the_current_secret_is_read(store: Any) -> None:
    assert Secrets(store).read("master", "AWSCURRENT") == "first"


def test_a_pending_secret_is_none_until_a_rotation_makes_one(store: Any) -> None:
    assert Secrets(store).read("master", "AWSPENDING") is None
    store.put_secret_value(SecretId="master", SecretString="second", VersionStages=["AWSPENDING"])
    assert Secrets(store).read("master", "AWSPENDING") == "second"
    assert Secrets(store).read("master", "AWSCURRENT") == "first"


def test_a_secret_that_is_not_there_at_all_is_an_error(store: Any) -> None:
    with pytest.raises(AwsError) as caught:
        Secrets(store).read("other", "AWSCURRENT")
    assert caught.value.aws_code == "ResourceNotFoundException"


def test_a_secret_that_may_not_be_read_is_an_error_at_every_stage() -> None:
    with stubbed("secretsmanager") as (made, stub):
        stub.add_client_error("get_secret_value", "AccessDeniedException", "no")
        with pytest.raises(AwsRefusedError):
            Secrets(made).read("master", "AWSPENDING")
