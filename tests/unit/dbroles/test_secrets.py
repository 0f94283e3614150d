"""Reading the master's secret: a right that is seconds old is waited for, and a refusal ends in one sentence."""

from __future__ import annotations

import time

import pytest
from botocore.stub import Stubber

from opsctl.dbroles.connection import SecretsManagerReader
from opsctl.dbroles.errors import BadSecretError

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:master-AbCdEf"


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited; none is."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def test_a_right_that_is_not_known_everywhere_yet_is_waited_for(secrets: Stubber, slept: list[float]) -> None:
    for _ in range(2):
        secrets.add_client_error("get_secret_value", "AccessDeniedException")
    secrets.add_response("get_secret_value", {"SecretString": "text"}, {"SecretId": ARN, "VersionStage": "AWSCURRENT"})
    assert SecretsManagerReader().read(ARN, "AWSCURRENT") == "text"
    assert slept == [1.0, 2.0]


def test_a_right_that_never_comes_is_told_before_cloudformation_gives_up(secrets: Stubber, slept: list[float]) -> None:
    for _ in range(5):
        secrets.add_client_error("get_secret_value", "AccessDeniedException")
    with pytest.raises(BadSecretError, match=r"refused to read .* \(AccessDeniedException\)"):
        SecretsManagerReader().read(ARN, "AWSCURRENT")
    assert sum(slept) < 15
    secrets.assert_no_pending_responses()


def test_other_answers_are_not_waited_for(secrets: Stubber, slept: list[float]) -> None:
    secrets.add_client_error("get_secret_value", "ResourceNotFoundException")
    assert SecretsManagerReader().read(ARN, "AWSPENDING") is None
    secrets.add_client_error("get_secret_value", "DecryptionFailure")
    with pytest.raises(BadSecretError, match="DecryptionFailure"):
        SecretsManagerReader().read(ARN, "AWSPENDING")
    assert slept == []
