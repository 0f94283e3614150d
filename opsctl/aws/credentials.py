"""Why no AWS credentials could be had, as a sentence and what to do about it.

botocore asks a chain of providers (environment, profile, a helper program, a token file, a container's endpoint, ...),
when a client is made and again in the middle of calls. What a provider runs into it often raises as it is: OSError from
a missing helper, a JSON error from one that prints rubbish. Which provider it was, the traceback tells: its frames are
those of `botocore.credentials`. What a helper or file held is never repeated, as it may be a secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from opsctl.aws.errors import AwsRefusedError, module

_FINDING = ("botocore.credentials", "botocore.tokens")
_SIGNING = (*_FINDING, "botocore.auth", "botocore.signers")
_PROCESS = "custom-process"
_CONTAINER = "container-role"
_SIGN_IN_AGAIN = {
    "TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError", "SSOError", "NoAuthTokenError",
}  # fmt: skip
_LOG_IN_AGAIN = {
    "LoginError", "LoginRefreshRequired", "LoginTokenLoadError", "LoginInsufficientPermissions",
    "LoginAuthorizationCodeError",
}  # fmt: skip
_HELPER_HINT = (
    "Run the command that stands there by yourself: it must end with 0 and print JSON with Version 1, AccessKeyId and "
    "SecretAccessKey."
)


def profile() -> str:
    """The AWS profile in use; the first of these variables wins in botocore."""
    return os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE") or "default"


def explained(error: Exception, frames: Sequence[FrameType]) -> AwsRefusedError | None:
    """The failure, if it is one of finding credentials or of signing with them; None for any other."""
    told = _Failure(error, frames)
    kind = told.kind
    if kind == "NoCredentialsError":
        return _none(told)
    if kind == "PartialCredentialsError":
        return _half(told)
    if kind == "ProfileNotFound":
        return told.as_refusal(
            f"{told.text}.", f"Set AWS_PROFILE to one that `aws configure list-profiles` shows.{_unreadable_files()}"
        )
    if kind == "ConfigParseError":
        return _broken_file(told)
    if kind in {"InvalidConfigError", "InfiniteLoopConfigError"}:
        return told.as_refusal(f"{told.text}.", "Correct ~/.aws/config, or choose another profile with AWS_PROFILE.")
    if kind in _SIGN_IN_AGAIN:
        what = f"The AWS profile {profile()} is not signed in, or no longer ({told.text})."
        return told.as_refusal(what, f"`aws sso login --profile {profile()}`, then run it again.")
    if kind in _LOG_IN_AGAIN:
        what = f"The AWS profile {profile()} is not logged in, or no longer ({told.text})."
        return told.as_refusal(what, f"`aws login --profile {profile()}`, then run it again.")
    if kind == "MissingDependencyException":
        return _login_part_missing(told)
    if kind == "RefreshWithMFAUnsupportedError":
        return told.as_refusal(
            f"The session that an MFA code opened for the AWS profile {profile()} has ended.",
            "Run the command again: it asks for a new code and goes on where it stopped. `duration_seconds` in the "
            "profile makes sessions last longer.",
        )
    return _of_provider(told)


class _Failure:
    """What was raised, and whose frames it came through."""

    def __init__(self, error: Exception, frames: Sequence[FrameType]) -> None:
        self.error = error
        self.kind = type(error).__name__
        self.text = (str(error).strip().splitlines() or [""])[0].rstrip(".")[:300]
        self.parts: Mapping[str, Any] = getattr(error, "kwargs", {})  # botocore: what its message is made of
        self.modules = {module(frame) for frame in frames}
        self._through = [frame for frame in frames if module(frame) in (*_FINDING, "botocore.utils")]
        self.calls = [frame.f_code.co_qualname for frame in self._through]
        self.owners = [owner for frame in self._through if (owner := frame.f_locals.get("self")) is not None]

    def came_through(self, *names: str) -> bool:
        """Whether a method of one of these classes was running."""
        return any(call.startswith(names) for call in self.calls)

    @property
    def finding(self) -> bool:
        """Whether credentials were being looked for."""
        return not self.modules.isdisjoint(_FINDING)

    @property
    def profile(self) -> str:
        """The profile that the provider read, which may be another's source_profile."""
        names = [str(each._profile_name) for each in self.owners if hasattr(each, "_profile_name")]
        return names[-1] if names else profile()

    @property
    def method(self) -> str:
        """Where credentials that can be renewed came from, in botocore's words."""
        return next((str(each.method) for each in self.owners if hasattr(each, "method")), "")

    def as_refusal(self, message: str, hint: str) -> AwsRefusedError:
        return AwsRefusedError(message, aws_code=self.kind, hint=hint)


def _none(told: _Failure) -> AwsRefusedError:
    if "AWS_SECRET_ACCESS_KEY" in os.environ and not os.environ.get("AWS_ACCESS_KEY_ID"):
        return told.as_refusal(
            "There are no usable AWS credentials: AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not.",
            "Set both, or neither and AWS_PROFILE.",
        )
    return told.as_refusal(
        "There are no usable AWS credentials.",
        f"Set AWS_PROFILE, or sign in with `aws sso login`; `--env local` needs none.{_unreadable_files()}",
    )


def _half(told: _Failure) -> AwsRefusedError:
    missing = told.parts.get("cred_var", "a part")
    if told.parts.get("provider") == "assume-role":
        return told.as_refusal(
            f"The AWS profile {told.profile} has a role_arn, but says not whose credentials may assume it.",
            f"Add {missing} to it in ~/.aws/config.",
        )
    where = "the environment" if told.parts.get("provider") == "env" else f"the AWS profile {told.profile}"
    return told.as_refusal(
        f"Only half of the AWS credentials is in {where}: {missing} is missing.", f"Set {missing} as well, or neither."
    )


def _broken_file(told: _Failure) -> AwsRefusedError:
    """NOTE: configparser's own words hold the line, which may be a secret key."""
    line = getattr(told.parts.get("error"), "lineno", None)
    where = f"{told.parts.get('path', 'the AWS configuration')}{f', line {line}' if line else ''}"
    return told.as_refusal(
        f"{where} is not in the form of an AWS configuration file.",
        "Write `[default]` or `[profile NAME]` and below it `name = value` lines; ~/.aws/credentials has no `profile`.",
    )


def _login_part_missing(told: _Failure) -> AwsRefusedError:
    return told.as_refusal(
        f"The AWS profile {profile()} logs in with `aws login`, which needs a library that is not installed here.",
        "`pip install 'botocore[crt]'` into opsctl's environment, or choose another profile with AWS_PROFILE.",
    )


def _of_provider(told: _Failure) -> AwsRefusedError | None:
    """What a provider ran into."""
    provider = told.parts.get("provider") if told.kind == "CredentialRetrievalError" else None
    if isinstance(told.error, RuntimeError) and told.finding and "still expired" in told.text:
        return _expired(told)
    if provider == _PROCESS or told.came_through("ProcessProvider"):
        return _helper(told)
    if told.came_through("FileWebIdentityTokenLoader"):
        return _token_file(told)
    if provider == _CONTAINER or told.came_through("ContainerProvider"):
        return _container(told)
    if provider:
        return told.as_refusal(f"{told.text}.", "Correct ~/.aws/config, or choose another profile with AWS_PROFILE.")
    if told.finding and "AWS_CREDENTIAL_EXPIRATION" in os.environ and told.came_through("EnvProvider"):
        return told.as_refusal("AWS_CREDENTIAL_EXPIRATION is no time.", "Unset it, or export the credentials again.")
    signing = not told.modules.isdisjoint(_SIGNING) and not isinstance(told.error, OSError)
    if told.kind == "ParamValidationError" and told.finding:
        what = f"The AWS profile {told.profile} asks for what there is not: {told.parts.get('report', told.text)}."
        return told.as_refusal(what, "Correct it in ~/.aws/config.")
    if "botocore.configprovider" in told.modules:  # a setting, not a credential
        return None
    if told.finding or signing:
        return told.as_refusal(
            f"The AWS credentials of the profile {told.profile} can't be used ({told.kind}).",
            "`aws sts get-caller-identity` shows whether the AWS CLI can use them; check AWS_PROFILE.",
        )
    return None


def _expired(told: _Failure) -> AwsRefusedError:
    sources = {
        _PROCESS: (f"credential_process of the AWS profile {profile()} prints", "Sign in where the helper gets them."),
        _CONTAINER: ("The container's endpoint gives", "Check this machine's clock, and start the container again."),
        "env": ("The environment holds", "AWS_CREDENTIAL_EXPIRATION lies in the past: export them again."),
    }
    what, hint = sources.get(told.method, (f"The AWS profile {profile()} gives", "Sign in again."))
    return told.as_refusal(f"{what} credentials that have expired already.", hint)


def _helper(told: _Failure) -> AwsRefusedError:
    """`credential_process`. Its stderr is shown, as the AWS CLI shows it; its stdout, where keys stand, never is."""
    error, name = told.error, f"credential_process of the AWS profile {told.profile}"
    if isinstance(error, OSError):
        program = f"`{error.filename}`" if error.filename else "a program"
        hint = "Install it, or correct the line in ~/.aws/config; a name without a path is looked up on PATH."
        if error.strerror == "Exec format error":
            hint = "A script needs a first line such as #!/bin/sh."
        return told.as_refusal(f"{name} names {program}, which can't be run: {error.strerror}.", hint)
    said = str(told.parts.get("error_msg", "")).strip()
    if told.kind == "CredentialRetrievalError" and not said.startswith(("Unsupported version", "Missing required key")):
        reason = said.splitlines()[-1].rstrip(".")[:300] if said else "it did not say why"
        return told.as_refusal(f"{name} failed: {reason}.", f"Sign in where the helper asks for it. {_HELPER_HINT}")
    if isinstance(error, IndexError) or "quotation" in told.text or "escaped" in told.text:
        return told.as_refusal(f"{name} is no command line ({told.text}).", "Correct the line in ~/.aws/config.")
    reason = said.rstrip(".") or ("no JSON" if told.kind == "JSONDecodeError" else told.kind)
    return told.as_refusal(f"{name} printed something else than credentials ({reason}).", _HELPER_HINT)


def _token_file(told: _Failure) -> AwsRefusedError:
    error = told.error
    path = os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE", "of web_identity_token_file")
    reason = "it is not text"
    if isinstance(error, OSError):
        path, reason = str(error.filename or path), error.strerror or told.kind
    return told.as_refusal(
        f"The web identity token {path} can't be read: {reason}.",
        "AWS_WEB_IDENTITY_TOKEN_FILE or the profile names it. In CI give the job the right to get one (GitHub: "
        "`id-token: write`) and sign in before this step; elsewhere unset it.",
    )


def _container(told: _Failure) -> AwsRefusedError:
    given = os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    where = given or "169.254.170.2" + os.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "")
    if isinstance(told.error, OSError):
        where = f"{where} asks for a token, and {told.error.filename}"
        reason = told.error.strerror or told.kind
    elif told.kind == "CredentialRetrievalError":
        reason = told.text.partition("Error retrieving metadata: ")[2]
        reason = reason.removeprefix("Received error when attempting to retrieve container metadata: ")
    else:
        reason = f"its answer holds no {told.text}" if told.kind == "KeyError" else told.text
    return told.as_refusal(
        f"The container's credentials can't be had from {where}: {reason}.",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI names it: a task role (ECS) or Pod Identity (EKS) sets "
        "it. Outside such a container unset it.",
    )


def _unreadable_files() -> str:
    """botocore passes over files that it may not read, as if they held nothing; told as one more sentence."""
    named = {
        "AWS_CONFIG_FILE": "~/.aws/config",
        "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    }
    for variable, default in named.items():
        path = Path(os.path.expandvars(os.environ.get(variable, default))).expanduser()
        if path.exists() and not os.access(path, os.R_OK):
            return f" {path} can't be read by this user."
        if variable in os.environ and not path.exists():
            return f" {variable} names {path}, which is not there."
    return ""
