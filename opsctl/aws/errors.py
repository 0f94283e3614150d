"""What botocore raises, as an `OpsctlError`. The only place that looks into a `ClientError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opsctl.errors import ExitCode, OpsctlError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_CREDENTIALS = {
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
    "SignatureDoesNotMatch", "AuthFailure", "InvalidAccessKeyId", "RequestExpired", "InvalidToken",
    "IncompleteSignature", "MissingAuthenticationToken", "OptInRequired", "InvalidSignatureException",
    "RequestTimeTooSkewed",
}  # fmt: skip
_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationError",
    "NotAuthorized",
    "403",
}
_THROTTLED = {
    "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown",
    "ThrottledException", "RequestThrottled", "RequestThrottledException",
}  # fmt: skip
# Answers of a service that has trouble of its own, beside every status from 500 on.
_BROKEN = {
    "InternalFailure",
    "InternalError",
    "InternalServerError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
}
_UNREACHABLE = {
    "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError",
    "ProxyConnectionError", "SSLError", "HTTPClientError",
}  # fmt: skip
_NO_CREDENTIALS = {
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError",
    "SSOTokenLoadError", "UnauthorizedSSOTokenError", "SSOError", "NoAuthTokenError", "LoginError",
    "LoginRefreshRequired", "LoginTokenLoadError", "LoginInsufficientPermissions", "LoginAuthorizationCodeError",
}  # fmt: skip


class AwsError(OpsctlError):
    """AWS answered with an error. `aws_code` is its code, such as `ValidationError`; `status` that of HTTP, or 0."""

    code = "aws-error"

    def __init__(self, message: str, *, aws_code: str = "", hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.aws_code = aws_code
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether the same question may be answered in some minutes, though nothing is changed here."""
        return self.status >= 500 or self.aws_code in _THROTTLED | _UNREACHABLE | _BROKEN


class AwsRefusedError(AwsError):
    """Credentials or permissions are missing, wrong or expired."""

    exit_code = ExitCode.AWS_REFUSED
    code = "aws-refused"

    @property
    def may_pass(self) -> bool:
        """Credentials are renewed beside us, and permissions given."""
        return True


@contextmanager
def translated() -> Iterator[None]:
    """Raise `AwsError` for whatever botocore raises inside."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _from_client(error) from error
    except BotoCoreError as error:
        raise _from_core(error) from error


def _from_client(error: ClientError) -> AwsError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    text = str(error.response.get("Error", {}).get("Message", "")) or code or "no reason given"
    doing = error.operation_name
    if code in _CREDENTIALS:
        return AwsRefusedError(
            f"AWS does not accept these credentials ({doing}: {text}).",
            aws_code=code,
            hint="Sign in again, for one with `aws sso login`, and check AWS_PROFILE.",
        )
    if code in _DENIED or "is not authorized to perform" in text:
        return AwsRefusedError(
            f"AWS denied {doing}: {text.rstrip('.')}.",
            aws_code=code,
            hint="Ask for this permission; docs/aws.md lists what opsctl needs.",
        )
    if code in _THROTTLED:
        return AwsError(f"AWS throttled {doing} again and again.", aws_code=code, hint="Run the command again later.")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return AwsError(f"{doing} failed: {text.rstrip('.')}.", aws_code=code, status=status)


def _from_core(error: Exception) -> AwsError:
    kind = type(error).__name__
    if kind in _NO_CREDENTIALS:
        return AwsRefusedError(
            "There are no usable AWS credentials.",
            aws_code=kind,
            hint="Set AWS_PROFILE, or sign in with `aws sso login`; `--env local` needs none.",
        )
    if kind == "ProfileNotFound":
        return AwsRefusedError(
            f"{str(error).rstrip('.')}.", aws_code=kind, hint="Set AWS_PROFILE to one that `aws configure list` knows."
        )
    if kind in _UNREACHABLE:
        return AwsError(
            f"AWS can't be reached: {str(error).rstrip('.')}.",
            aws_code=kind,
            hint="Check the network and the region, then run it again.",
        )
    return AwsError(f"The AWS SDK failed: {str(error).rstrip('.')}.", aws_code=kind)
