"""Until when the credentials last, where that can be told and no program renews them by itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opsctl.aws.credentials import profile

# Written into a profile by programs that sign in and put the session there.
_NOTED = ("x_security_token_expires", "aws_expiration", "aws_session_expiration", "expiration")
SSO_CACHE = "~/.aws/sso/cache"


def ends_at(session: Any) -> float | None:
    """Seconds since the epoch at which a boto3 session's credentials end for good; None: not known, or never."""
    credentials = session.get_credentials()
    method = str(getattr(credentials, "method", ""))
    settings: Mapping[str, Any] = {}
    with suppress(Exception):  # what is wrong with the files is told when they are used
        settings = session._session.full_config.get("profiles", {}).get(profile(), {})
    if method == "env":
        return _time(os.environ.get("AWS_CREDENTIAL_EXPIRATION"))
    if method in {"shared-credentials-file", "config-file"}:
        return next((found for name in _NOTED if (found := _time(settings.get(name))) is not None), None)
    if method == "sso":
        return _sso_token_end(settings)
    if method == "assume-role" and settings.get("mfa_serial"):  # which nobody is asked for again in the middle
        ends = getattr(credentials, "_expiry_time", None)
        return ends.timestamp() if isinstance(ends, datetime) else None
    return None


def _sso_token_end(settings: Mapping[str, Any]) -> float | None:
    """A token of an `sso_session` is renewed by botocore as long as its registration lasts; an older one ends."""
    import hashlib

    key = str(settings.get("sso_session") or settings.get("sso_start_url") or "")
    name = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
    try:
        token = json.loads((Path(SSO_CACHE).expanduser() / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(token, dict):
        return None
    renewed = token.get("refreshToken") and token.get("registrationExpiresAt")
    return _time(token.get("registrationExpiresAt") if renewed else token.get("expiresAt"))


def _time(text: Any) -> float | None:
    if not isinstance(text, str):
        return None
    with suppress(ValueError):
        found = datetime.fromisoformat(text.replace("UTC", "+00:00").replace("Z", "+00:00"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return None
