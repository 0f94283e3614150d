"""What botocore raises becomes one sentence, a hint and an exit code."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import pytest
from botocore import exceptions as core
from botocore.exceptions import ClientError

from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.translation import translated
from opsctl.errors import ExitCode, OpsctlError
from tests.unit.aws.clients import client


def client_error(code: str, message: str, operation: str = "DescribeStacks") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def raised(error: Exception) -> AwsError:
    with pytest.raises(AwsError) as caught, translated():
        raise error
    return caught.value


@pytest.mark.parametrize(
    "code",
    ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
     "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"],
)  # fmt: skip
def test_credentials_that_aws_does_not_accept_are_refused_with_how_to_sign_in(code: str) -> None:
    error = raised(client_error(code, "The security token included in the request is expired"))
    assert isinstance(error, AwsRefusedError)
    assert (error.exit_code, error.code, error.aws_code) == (ExitCode.AWS_REFUSED, "aws-refused", code)
    assert "DescribeStacks: The security token" in error.message
    assert "aws sso login" in error.hint


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("AccessDenied", "Access Denied"),
        ("AccessDeniedException", "No."),
        ("UnauthorizedOperation", "You are not authorized to perform this operation."),
        ("403", "Forbidden"),
        ("ValidationError", "User: arn:aws:iam::1:user/x is not authorized to perform: cloudformation:GetTemplate"),
    ],
)
def test_a_missing_permission_names_the_call_and_where_permissions_are_listed(code: str, text: str) -> None:
    error = raised(client_error(code, text, "GetTemplate"))
    assert error.exit_code == ExitCode.AWS_REFUSED
    assert error.message == f"AWS denied GetTemplate: {text.rstrip('.')}."
    assert "docs/aws.md" in error.hint


@pytest.mark.parametrize("code", ["Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown"])
def test_throttling_is_a_failure_to_try_again_later(code: str) -> None:
    error = raised(client_error(code, "Rate exceeded"))
    assert (error.exit_code, error.code) == (ExitCode.FAILED, "aws-error")
    assert error.message == "AWS throttled DescribeStacks again and again."
    assert "later" in error.hint


def test_a_repository_that_is_missing_is_told_with_what_makes_it() -> None:
    text = "The repository with name 'shop' does not exist in the registry with id '1'"
    error = raised(client_error("RepositoryNotFoundException", text, "DescribeImages"))
    assert error.message == f"{text}."
    assert "opsctl deploy" in error.hint
    assert "ecs.repository_name" in error.hint


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("InvalidAction", "Unknown action: DescribeImageScanFindings"),
        ("UnknownOperationException", ""),
        ("Odd", "Unknown operation"),
    ],
)
def test_a_call_that_an_emulator_lacks_is_told_as_that(code: str, text: str) -> None:
    error = raised(client_error(code, text, "DescribeImageScanFindings"))
    assert error.message.startswith("What answers there in AWS's place can't do DescribeImageScanFindings (")
    assert "emulator" in error.hint


def test_any_other_answer_keeps_its_words_and_its_code() -> None:
    error = raised(client_error("ValidationError", "Stack with id x does not exist."))
    assert error.message == "DescribeStacks failed: Stack with id x does not exist."
    assert error.aws_code == "ValidationError"
    assert not isinstance(error, AwsRefusedError)


def test_an_answer_without_a_message_shows_its_code() -> None:
    assert raised(ClientError({"Error": {"Code": "Odd"}}, "PutObject")).message == "PutObject failed: Odd."
    assert raised(ClientError({}, "PutObject")).message == "PutObject failed: no reason given."


NO_CREDENTIALS: list[tuple[type[core.BotoCoreError], Mapping[str, Any], str, str]] = [
    (core.NoCredentialsError, {}, "There are no usable AWS credentials.", "--env local"),
    (core.TokenRetrievalError, {"provider": "sso", "error_msg": "expired"}, "is not signed in", "aws sso login"),
    (core.UnauthorizedSSOTokenError, {}, "is not signed in", "aws sso login"),
    (core.LoginRefreshRequired, {}, "is not logged in", "aws login"),
    (core.RefreshWithMFAUnsupportedError, {}, "that an MFA code opened for the AWS profile default has ended",
     "duration_seconds"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "values", "says", "advises"), NO_CREDENTIALS, ids=[kind.__name__ for kind, *_ in NO_CREDENTIALS]
)
def test_without_usable_credentials_the_way_to_get_some_is_named(
    kind: type[core.BotoCoreError], values: Mapping[str, Any], says: str, advises: str
) -> None:
    error = raised(kind(**values))
    assert (error.exit_code, error.aws_code) == (ExitCode.AWS_REFUSED, kind.__name__)
    assert says in error.message
    assert advises in error.hint


def test_an_unknown_profile_is_named() -> None:
    error = raised(core.ProfileNotFound(profile="work"))
    assert error.message == "The config profile (work) could not be found."
    assert error.exit_code == ExitCode.AWS_REFUSED


UNREACHABLE: list[tuple[type[core.BotoCoreError], Mapping[str, Any]]] = [
    (core.EndpointConnectionError, {"endpoint_url": "https://cloudformation.us-east-1.amazonaws.com/"}),
    (core.ConnectTimeoutError, {"endpoint_url": "https://ecs.us-east-1.api.aws"}),
    (core.ReadTimeoutError, {"endpoint_url": "https://logs.cn-north-1.amazonaws.com.cn"}),
    (core.ConnectionClosedError, {"endpoint_url": "https://s3.us-east-1.amazonaws.com"}),
    (core.ProxyConnectionError, {"proxy_url": "http://proxy"}),
]


@pytest.mark.parametrize(("kind", "values"), UNREACHABLE, ids=[kind.__name__ for kind, _ in UNREACHABLE])
def test_an_endpoint_that_does_not_answer_points_to_network_and_region(
    kind: type[core.BotoCoreError], values: Mapping[str, Any]
) -> None:
    error = raised(kind(**values))
    assert error.exit_code == ExitCode.FAILED
    assert error.message.startswith("AWS can't be reached: ")
    assert error.message.count("..") == 0
    assert "network and the region" in error.hint


def test_a_certificate_that_nobody_knows_points_to_a_proxy_on_the_way() -> None:
    unknown = ssl.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate")
    error = raised(core.SSLError(endpoint_url="https://sts.us-east-1.amazonaws.com", error=unknown))
    assert error.message.startswith("AWS can't be reached: ")
    assert "AWS_CA_BUNDLE" in error.hint


def test_a_certificate_of_another_time_points_to_the_clock() -> None:
    expired = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate is not yet valid"
    error = raised(core.SSLError(endpoint_url="https://sts.us-east-1.amazonaws.com", error=ssl.SSLError(expired)))
    assert "clock" in error.hint


def test_an_emulator_that_does_not_answer_is_no_matter_of_network_and_region() -> None:
    error = raised(core.EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/"))
    assert "opsctl local status" in error.hint


def test_a_call_that_can_not_work_is_a_bug_and_stays_one() -> None:
    with pytest.raises(AttributeError, match="describe_stakcs"), translated():
        client("cloudformation").describe_stakcs()


def test_whatever_else_the_sdk_raises_is_one_sentence_too() -> None:
    error = raised(core.ParamValidationError(report="Missing required parameter"))
    assert error.message.startswith("The AWS SDK failed: ")


def test_what_is_not_botocores_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError
    with pytest.raises(OpsctlError, match="mine") as caught, translated():
        raise OpsctlError("mine")
    assert type(caught.value) is OpsctlError
