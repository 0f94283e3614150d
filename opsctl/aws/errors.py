"""What AWS's refusals and failures are to the rest of opsctl. `translation` makes them of what botocore raises."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from types import FrameType

from opsctl.errors import ExitCode, OpsctlError

THROTTLED = {
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
UNREACHABLE = {
    "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError",
    "ProxyConnectionError", "SSLError", "HTTPClientError", "ResponseStreamingError",
}  # fmt: skip
NOT_AWS = "NotAws"
"""The code of what somebody else answered in AWS's place."""
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"


class AwsError(OpsctlError):
    """AWS answered with an error. `aws_code` is its code, such as `ValidationError`."""

    code = "aws-error"

    def __init__(
        self, message: str, *, aws_code: str = "", hint: str = "", status: int = 0, detail: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.aws_code = aws_code
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether the same question may be answered in some minutes, though nothing is changed here."""
        return self.status >= 500 or self.aws_code in {NOT_AWS, *THROTTLED, *UNREACHABLE, *_BROKEN}


class AwsRefusedError(AwsError):
    """Credentials or permissions are missing, wrong or expired."""

    exit_code = ExitCode.AWS_REFUSED
    code = "aws-refused"

    @property
    def may_pass(self) -> bool:
        """Credentials are renewed beside us, and permissions given."""
        return True


def frames(error: Exception) -> Iterator[FrameType]:
    """Where it came through, the innermost last."""
    yield from (frame for frame, _ in traceback.walk_tb(error.__traceback__))


def module(frame: FrameType) -> str:
    """The module whose code ran there."""
    return str(frame.f_globals.get("__name__", ""))


def redirections() -> tuple[str, ...]:
    """Environment variables that send calls elsewhere than to AWS, with values: `AWS_ENDPOINT_URL=http://...`."""
    return tuple(f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(ENDPOINT_VARIABLE))
