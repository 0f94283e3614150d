"""GuardDuty as moto has it: one detector for an account and region."""

from __future__ import annotations

import pytest
from moto import mock_aws

from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.guardduty import GuardDuty

from .clients import client, stubbed


@mock_aws
def test_a_detector_is_seen_once_there_is_one() -> None:
    made = client("guardduty")
    assert not GuardDuty(made).has_detector()
    made.create_detector(Enable=True)
    assert GuardDuty(made).has_detector()


def test_not_being_allowed_to_ask_does_not_mean_that_there_is_none() -> None:
    with stubbed("guardduty") as (made, stub):
        stub.add_client_error("list_detectors", "AccessDeniedException", "no")
        with pytest.raises(AwsRefusedError):
            GuardDuty(made).has_detector()
