"""Credentials that end while AWS works: how long they last, and waiting for others.

What AWS refused for its credentials it has not done, so that the same call is made again with the new ones. Whoever
signs in does so beside this program: the profile, the files and the endpoints of the AWS CLI are read anew.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from opsctl.aws import signin
from opsctl.aws.credentials import profile
from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.translation import translated

ENDED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidToken"}
_NOT_RENEWED = {
    "UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError", "NoAuthTokenError", "LoginRefreshRequired",
    "LoginTokenLoadError", "RefreshWithMFAUnsupportedError", "CredentialRetrievalError",
}  # fmt: skip
_FIXED = {"env", "explicit"}
_OF_PROFILE = {"sso", "login", "assume-role", "shared-credentials-file", "config-file", "custom-process"}
PERSON_SECONDS, MACHINE_SECONDS = 900.0, 60.0
_ASK_SECONDS = 2.0


class CredentialsEndedError(AwsRefusedError):
    """They ended in the middle, and nobody renewed them."""

    code = "credentials-ended"

    @property
    def may_pass(self) -> bool:
        """It was waited for already."""
        return False


class Renewal:
    """Waits for other credentials in the place of those that ended, for as long as it is sensible.

    `tell` hears what a person has to do, `leaving` says whether the person wants to leave, `account` is the one to
    which other credentials have to belong ("" for any), `before_repeat` may refuse a change once they are there.
    """

    def __init__(
        self,
        region: str,
        credentials: signin.Exchangeable,
        *,
        tell: Callable[[str], None],
        leaving: Callable[[], bool],
        account: str = "",
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._region = region
        self._credentials = credentials
        self._tell = tell
        self._leaving = leaving
        self._account = account
        self._clock = clock
        self._pause = pause
        self._guard = threading.Lock()
        self._given_up = False
        self.before_repeat: Callable[[], None] = lambda: None
        self.generation = 0

    def ended(self, error: Exception) -> bool:
        """Whether a call failed since the credentials, which were good before, have ended."""
        if isinstance(error, ClientError):
            return str(error.response.get("Error", {}).get("Code", "")) in ENDED
        return type(error).__name__ in _NOT_RENEWED or "still expired" in str(error)

    def wait(self, error: Exception, generation: int) -> None:
        """Return once other credentials are there. `generation`: of those that the failed call was made with.

        Raises CredentialsEndedError.
        """
        with self._guard:  # steps fail side by side; one of them waits for all
            if self.generation != generation:
                return
            if self._given_up:
                raise self._ended(error, "")
            way = self._way()
            if way is None:
                self._given_up = True
                raise self._ended(error, " No program gets others from its environment.")
            self._wait(error, way)
            self.generation += 1

    def _wait(self, error: Exception, way: str) -> None:
        seconds = PERSON_SECONDS if sys.stderr.isatty() else MACHINE_SECONDS
        minutes = f"{seconds / 60:.0f} minute{'s' if seconds > 60 else ''}"
        self._tell(
            f"{self._what()} have ended ({_reason(error)}). AWS goes on with what it was told. {way} New ones are "
            f"awaited for up to {minutes}, then it goes on here."
        )
        end, refused = self._clock() + seconds, ""
        while self._clock() < end and not self._leaving():
            found, why = self._look()
            if found is not None:
                self._credentials.now = found
                self._tell("There are new AWS credentials; it goes on.")
                return
            if why and why != refused:
                self._tell(why)
                refused = why
            self._pause(_ASK_SECONDS)
        self._given_up = True
        raise self._ended(error, "" if self._leaving() else f" No others came within {minutes}.")

    def _look(self) -> tuple[Any, str]:
        """Other credentials, if there are any that AWS takes; or why those that are there don't do."""
        ended = self._credentials.now
        try:
            with translated():
                session = signin.aws_session(self._region, signin.nobody)
                found = session.get_credentials()
                if found is None:
                    return None, ""
                fresh = found.get_frozen_credentials()
                if (fresh.access_key, fresh.token) == _key_of(ended):
                    return None, ""
                account = session.client("sts", region_name=self._region).get_caller_identity()["Account"]
        except AwsError:
            return None, ""
        if self._account and account != self._account:
            return None, f"The new credentials belong to account {account}, not {self._account}: they are not used."
        return getattr(found, "now", found), ""

    def _way(self) -> str | None:
        """What a person does to get others; None where no way leads into a process that runs."""
        name = profile()
        ways = {
            "sso": f"Sign in beside this: `aws sso login --profile {name}`.",
            "login": f"Sign in beside this: `aws login --profile {name}`.",
            "assume-role": f"Open a session beside this, in another terminal: `opsctl status` (AWS profile {name}).",
            "shared-credentials-file": f"Write others for the AWS profile {name} into ~/.aws/credentials.",
            "config-file": f"Write others for the AWS profile {name} into ~/.aws/config.",
            "custom-process": f"Sign in where credential_process of the AWS profile {name} asks for it.",
            "assume-role-with-web-identity": "Its token file is read again.",
            "container-role": "The container's endpoint is asked again.",
            "iam-role": "The instance's endpoint is asked again.",
        }
        return None if self._method in _FIXED else ways.get(self._method, "Sign in again beside this.")

    @property
    def _method(self) -> str:
        """Where they came from, in botocore's words."""
        return str(getattr(self._credentials.now, "method", ""))

    def _what(self) -> str:
        if self._method in _FIXED:
            return "The AWS credentials in this command's environment"
        return (
            f"The AWS credentials of the profile {profile()}" if self._method in _OF_PROFILE else "The AWS credentials"
        )

    def _ended(self, error: Exception, more: str) -> CredentialsEndedError:
        return CredentialsEndedError(
            f"{self._what()} have ended ({_reason(error)}).{more} AWS goes on with what it was told.",
            aws_code="CredentialsEnded",
            hint="Sign in again, then run the same command: it goes on from here. `opsctl status` shows what AWS does.",
        )


def _key_of(credentials: Any) -> tuple[str, str]:
    """What was signed with at last, without a renewal, which fails."""
    frozen = getattr(credentials, "_frozen_credentials", None) or credentials
    return getattr(frozen, "access_key", ""), getattr(frozen, "token", "")


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response.get('Error', {}).get('Code', '')}"
    return type(error).__name__
