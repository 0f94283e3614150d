"""One region's clients: the endpoint, the account, and how calls are repeated."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.session import Aws, Endpoint
from opsctl.errors import ExitCode


def test_an_emulator_gets_its_url_and_the_account_number_as_access_key() -> None:
    aws = Aws("eu-west-1", Endpoint("http://127.0.0.1:4566", "000000000042", "secret"))
    made = aws.client("s3")
    assert made.meta.endpoint_url == "http://127.0.0.1:4566"
    assert made.meta.region_name == "eu-west-1"
    assert made.meta.config.s3["addressing_style"] == "path"


def test_aws_itself_gets_no_endpoint_and_patience_with_throttling() -> None:
    made = Aws("sa-east-1").client("cloudformation")
    assert made.meta.endpoint_url == "https://cloudformation.sa-east-1.amazonaws.com"
    assert made.meta.config.retries == {"mode": "standard", "total_max_attempts": 9}


def test_a_function_is_waited_for_to_its_end_so_that_a_slow_one_is_not_called_twice() -> None:
    aws = Aws("us-east-1")
    assert aws.client("lambda").meta.config.read_timeout == 900
    assert aws.client("s3").meta.config.read_timeout == 60


def test_a_client_is_made_once() -> None:
    aws = Aws("us-east-1")
    assert aws.client("ecs") is aws.client("ecs")
    assert aws.cloudformation is aws.cloudformation


def test_another_region_keeps_the_endpoint_and_the_same_region_is_itself() -> None:
    endpoint = Endpoint("http://127.0.0.1:4566", "1", "secret")
    aws = Aws("sa-east-1", endpoint)
    assert aws.in_region("sa-east-1") is aws
    other = aws.in_region("us-east-1")
    assert (other.region, other.endpoint) == ("us-east-1", endpoint)
    assert aws.in_region("us-east-1") is other
    assert aws.in_region(None) is aws


@mock_aws
def test_the_identity_tells_the_account() -> None:
    assert Aws("us-east-1").identity().account_id == "123456789012"


def test_without_credentials_the_first_call_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AwsRefusedError) as caught:
        Aws("us-east-1").identity()
    assert caught.value.exit_code == ExitCode.AWS_REFUSED


def test_an_unknown_profile_is_refused_before_any_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(AwsRefusedError, match="nobody"):
        Aws("us-east-1").client("sts")


def test_an_endpoint_where_nobody_listens_is_tried_again_and_then_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", waits.append)
    aws = Aws("us-east-1", Endpoint("http://127.0.0.1:9", "1", "secret"))
    with pytest.raises(AwsError, match="can't be reached") as caught:
        aws.cloudformation.stacks()
    assert caught.value.exit_code == ExitCode.FAILED
    assert len(waits) == 2


def test_every_service_is_reached_through_the_session() -> None:
    aws = Aws("us-east-1")
    names = {type(item).__name__ for item in (
        aws.cloudformation, aws.s3, aws.ecs, aws.ecr, aws.logs, aws.rds, aws.parameters, aws.functions,
        aws.guardduty, aws.secrets, aws.account,
    )}  # fmt: skip
    assert len(names) == 11


@pytest.mark.parametrize(
    ("date", "seconds"), [("Thu, 01 Jan 1970 00:01:00 GMT", 60.0), (None, None), ("", None), ("yesterday", None)]
)
def test_awss_time_is_read_from_its_answer_where_it_says_one(date: str | None, seconds: float | None) -> None:
    aws, headers = Aws("us-east-1"), {} if date is None else {"date": date}
    answer = {
        "Account": "123456789012",
        "Arn": "arn:aws:iam::123456789012:user/ann",
        "UserId": "u",
        "ResponseMetadata": {"HTTPHeaders": headers},
    }
    with Stubber(aws.client("sts")) as stub:
        stub.add_response("get_caller_identity", answer)
        assert aws.identity().answered == seconds
