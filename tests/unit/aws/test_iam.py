"""IAM: whether a role is there."""

from __future__ import annotations

import pytest
from moto import mock_aws

from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.iam import Iam

from .clients import client, stubbed


@mock_aws
def test_a_role_is_there_once_it_was_made() -> None:
    made = client("iam")
    assert not Iam(made).has_role("AWSServiceRoleForECS")
    made.create_role(RoleName="AWSServiceRoleForECS", AssumeRolePolicyDocument="{}")
    assert Iam(made).has_role("AWSServiceRoleForECS")


def test_not_being_allowed_to_ask_does_not_mean_that_there_is_none() -> None:
    with stubbed("iam") as (made, stub):
        stub.add_client_error("get_role", "AccessDenied", "no", http_status_code=403)
        with pytest.raises(AwsRefusedError):
            Iam(made).has_role("x")
