"""IAM: whether a role is there."""

from __future__ import annotations

import pytest
from moto import mock_aws

from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.roles import Roles

from .clients import client, stubbed


@mock_aws
def test_a_role_is_there_once_it_was_made() -> None:
    made = client("iam")
    assert not Roles(made).exists("AWSServiceRoleForECS")
    made.create_role(RoleName="AWSServiceRoleForECS", AssumeRolePolicyDocument="{}")
    assert Roles(made).exists("AWSServiceRoleForECS")


def test_not_being_allowed_to_ask_does_not_mean_that_there_is_none() -> None:
    with stubbed("iam") as (made, stub):
        stub.add_client_error("get_role", "AccessDenied", "no", http_status_code=403)
        with pytest.raises(AwsRefusedError):
            Roles(made).exists("x")
