"""Credentials that end while AWS works: how long they last, and waiting for others.

What AWS refused for its credentials it has not done, so that the same call is made again with the new ones. Whoever
signs in does so beside this program: the profile, the files and the endpoints of the AWS CLI are read anew.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypedDict

from botocore.config import Config
from botocore.exceptions import ClientError

from opsctl.aws import signin
from opsctl.aws.answers import expired_by_ec2
from opsctl.aws.credentials import profile
from opsctl.aws.errors import AwsError, AwsRefusedError
from opsctl.aws.translation import translated

ENDED = {
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidToken",
    "InvalidIdentityToken",
}  # fmt: skip
_NOT_RENEWED = {
    "UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError", "NoAuthTokenError", "LoginRefreshRequired",
    "LoginTokenLoadError", "RefreshWithMFAUnsupportedError", "CredentialRetrievalError",
}  # fmt: skip
_FIXED = {"env", "explicit"}
_KEYS_FILE = "shared-credentials-file"
_OF_PROFILE = {"sso", "login", "assume-role", "shared-credentials-file", "config-file", "custom-process"}
PERSON_SECONDS, MACHINE_SECONDS = 900.0, 60.0
_ASK_SECONDS = 2.0
_QUICK = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 2})


class CredentialsEndedError(AwsRefusedError):
    """They ended in the middle, and nobody renewed them."""

    code = "credentials-ended"

    @property
    def may_pass(self) -> bool:
        """It was waited for already."""
        return False


class Waiting(TypedDict, total=False):
    """How `Renewal` waits, where it is not by this machine's clock and terminal."""

    person: bool
    clock: Callable[[], float]
    pause: Callable[[float], object]


class Renewal:
    """Waits for other credentials in the place of those that ended, for as long as it is sensible.

    `tell` hears what a person has to do, `leaving` says whether the person wants to leave, `account` is the one to
    which other credentials have to belong ("" for any), `before_repeat` may refuse a change once they are there.
    `person` says whether somebody sits there who can sign in; without one a machine's own source is asked for a minute.
    """

    def __init__(
        self,
        region: str,
        credentials: signin.Exchangeable,
        *,
        tell: Callable[[str], None],
        leaving: Callable[[], bool],
        account: str = "",
        person: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._region = region
        self._credentials = credentials
        self._tell = tell
        self._leaving = leaving
        self._account = account
        # Some services for CI give their jobs a terminal, in front of which nobody sits.
        self._person = sys.stderr.isatty() and not os.environ.get("CI") if person is None else person
        self._clock = clock
        self._pause = pause
        self._guard = threading.Lock()
        self._given_up = False
        self.before_repeat: Callable[[], None] = lambda: None
        self.generation = 0

    def ended(self, error: Exception) -> bool:
        """Whether a call failed since the credentials, which were good before, have ended."""
        if isinstance(error, ClientError):
            return str(error.response.get("Error", {}).get("Code", "")) in ENDED or expired_by_ec2(error)
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
        seconds = PERSON_SECONDS if self._person else MACHINE_SECONDS
        minutes = f"{seconds / 60:.0f} minute{'s' if seconds > 60 else ''}"
        self._tell(
            f"{self._what()} have ended ({_reason(error)}). AWS goes on with what it was told. {way} New ones are "
            f"awaited for up to {minutes}, then it goes on here."
        )
        end, refused = self._clock() + seconds, ""
        # Whoever gave this command keys in its environment did not choose the ones that lie in the file already.
        before = self._keys_file() if self._method in _FIXED else None
        while self._clock() < end and not self._leaving():
            found, why = self._look(before)
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

    def _look(self, before: tuple[str, str] | None) -> tuple[Any, str]:
        """Other credentials, if there are any that AWS takes; or why those that are there don't do.

        `before`: the keys of the profile's file when those of the environment ended; None for any other source.
        """
        fixed = self._method in _FIXED
        ended = before if before is not None else _key_of(self._credentials.now)
        try:
            with translated():
                session = signin.aws_session(self._region, signin.nobody, without_environment=fixed)
                found = session.get_credentials()
                if found is None or (fixed and found.method != _KEYS_FILE):
                    return None, ""
                fresh = found.get_frozen_credentials()
                if (fresh.access_key, fresh.token or "") == ended:
                    return None, ""
                sts = session.client("sts", region_name=self._region, config=_QUICK)
                account = sts.get_caller_identity()["Account"]
        except AwsError:
            return None, ""
        if self._account and account != self._account:
            return None, f"The new credentials belong to account {account}, not {self._account}: they are not used."
        return getattr(found, "now", found), ""

    def _keys_file(self) -> tuple[str, str]:
        """The keys that the profile has in ~/.aws/credentials now; empty ones where it has none."""
        with suppress(AwsError), translated():
            found = signin.aws_session(self._region, signin.nobody, without_environment=True).get_credentials()
            if found is not None and found.method == _KEYS_FILE:
                return _key_of(found)
        return "", ""

    def _way(self) -> str | None:
        """What a person does to get others; None where no way leads into a process that runs."""
        name = profile()
        ways = {
            "sso": f"Sign in beside this: `aws sso login --profile {name}`.",
            "login": f"Sign in beside this: `aws login --profile {name}`.",
            "assume-role": f"Open a session beside this, in another terminal: `opsctl status` (AWS profile {name}).",
            _KEYS_FILE: f"Write others for the AWS profile {name} into ~/.aws/credentials.",
            "config-file": f"Write others for the AWS profile {name} into ~/.aws/config.",
            "custom-process": f"Sign in where credential_process of the AWS profile {name} asks for it.",
            "assume-role-with-web-identity": "Its token file is read again.",
            "container-role": "The container's endpoint is asked again.",
            "iam-role": "The instance's endpoint is asked again.",
        }
        if self._method in _FIXED:  # a program's environment stays as it began
            return f"Write new ones for the AWS profile {name} into ~/.aws/credentials." if self._person else None
        return ways.get(self._method, "Sign in again beside this.")

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
    frozen = getattr(credentials, "_frozen_credentials", credentials)
    return getattr(frozen, "access_key", "") or "", getattr(frozen, "token", "") or ""


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response.get('Error', {}).get('Code', '')}"
    return type(error).__name__
