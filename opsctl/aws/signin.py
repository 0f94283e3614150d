"""The boto3 session: on AWS as the AWS CLI signs in, in front of the emulator without any of this machine's settings.

One session serves all regions, since an MFA code opens one session and can't be used twice. Sessions of roles are kept
where the AWS CLI keeps them, under its names and in its form, so that either finds what the other opened.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import boto3
import botocore.session
from botocore.credentials import EnvProvider, create_credential_resolver
from botocore.utils import JSONFileCache, parse_timestamp

from opsctl import private
from opsctl.aws.credentials import profile
from opsctl.aws.errors import AwsRefusedError

Ask = Callable[[str], str | None]
"""Puts a question to a person and returns the answer; None where there is nobody to ask."""

CACHE = "~/.aws/cli/cache"


class MfaNeededError(AwsRefusedError):
    """A role wants an MFA code, and nobody can be asked for it."""

    code = "mfa-needed"


def nobody(_question: str) -> None:
    """An `Ask` of programs without a person."""
    return


class RoleSessions(JSONFileCache):
    """Sessions of roles on disk, mode 0600. What can't be read is not there; what can't be written is not kept."""

    def __init__(self) -> None:
        self._folder = Path(CACHE).expanduser()
        super().__init__(str(self._folder))

    def __contains__(self, cache_key: str) -> bool:
        try:
            kept = self[cache_key]["Credentials"]
            parse_timestamp(kept["Expiration"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return False
        return all(isinstance(kept.get(each), str) for each in ("AccessKeyId", "SecretAccessKey", "SessionToken"))

    def __setitem__(self, cache_key: str, value: Any) -> None:
        with contextlib.suppress(OSError):
            private.make_folder(self._folder)
            super().__setitem__(cache_key, value)


def aws_session(region: str, ask: Ask, *, without_environment: bool = False) -> boto3.session.Session:
    """A session with the credentials that the AWS CLI would use. Raises what botocore raises.

    `without_environment` passes over keys in the environment, as if only the profile were there.
    """
    core = botocore.session.Session()
    core.set_config_variable("region", region)
    resolver = create_credential_resolver(core, cache=cast("dict[str, Any]", RoleSessions()), region_name=region)
    # NOTE: botocore has no public way to say who is asked; what it asks by itself opens the terminal, come what may.
    cast("Any", resolver.get_provider("assume-role"))._prompter = _prompter(ask)
    if without_environment:
        resolver.remove(EnvProvider.METHOD)
    core.register_component("credential_provider", _Provider(resolver))
    return boto3.session.Session(botocore_session=core, region_name=region)


class Exchangeable:
    """Credentials that clients sign with, in whose place others can be put while these clients live."""

    def __init__(self, credentials: Any) -> None:
        self.now = credentials

    def get_frozen_credentials(self) -> Any:
        """Those of this moment; botocore asks for them before each request."""
        return self.now.get_frozen_credentials()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now, name)


class _Provider:
    """botocore's chain, whose credentials can be exchanged."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain

    def load_credentials(self) -> Exchangeable | None:
        """What botocore's session asks for, once."""
        found = self._chain.load_credentials()
        return Exchangeable(found) if found is not None else None

    def get_provider(self, name: str) -> Any:
        """One link of the chain."""
        return self._chain.get_provider(name)


def emulator_session(region: str, access_key: str, secret_key: str) -> boto3.session.Session:
    """A session that reads neither AWS_* variables nor ~/.aws: whatever is wrong there is no concern of an emulator."""
    variables = {
        name: (None, None, default, conversion)
        for name, (_, _, default, conversion) in botocore.session.Session.SESSION_VARIABLES.items()
    }
    for name in ("config_file", "credentials_file"):
        variables[name] = (None, None, os.devnull, None)
    return boto3.session.Session(
        botocore_session=botocore.session.Session(session_vars=variables),
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
    )


def _prompter(ask: Ask) -> Callable[[str], str]:
    """botocore's question ends in the device: `Enter MFA code for arn:aws:iam::…:mfa/alice: `."""

    def prompt(question: str) -> str:
        code = ask(question)
        if not code or not code.strip():
            device = question.rpartition(" for ")[2].strip(" :")
            raise MfaNeededError(
                f"The AWS profile {profile()} needs an MFA code of {device}, and there is nobody to ask.",
                aws_code="MfaNeeded",
                hint="Run `opsctl status` once in a terminal, without --json: the session that the code opens is kept "
                f"in {CACHE} and serves here too, for an hour unless the profile says otherwise. For machines use a "
                "role that needs no code, or export a session of `aws sts get-session-token`.",
            )
        return code.strip()

    return prompt
