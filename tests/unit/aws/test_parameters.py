"""SSM: the Amazon Linux image that AWS publishes."""

from __future__ import annotations

import pytest
from moto import mock_aws

from opsctl.aws.errors import AwsError
from opsctl.aws.parameters import Parameters

from .clients import client, stubbed


@mock_aws
@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_the_newest_amazon_linux_is_found_for_both_architectures(architecture: str) -> None:
    assert Parameters(client("ssm")).amazon_linux_image(architecture).startswith("ami-")


def test_the_parameter_is_the_one_that_aws_documents() -> None:
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
    with stubbed("ssm") as (made, stub):
        stub.add_response("get_parameter", {"Parameter": {"Value": "ami-1"}}, {"Name": name})
        assert Parameters(made).amazon_linux_image("arm64") == "ami-1"


def test_a_region_without_it_is_an_error() -> None:
    with stubbed("ssm") as (made, stub):
        stub.add_client_error("get_parameter", "ParameterNotFound", "no such parameter")
        with pytest.raises(AwsError, match="GetParameter failed"):
            Parameters(made).amazon_linux_image("arm64")
