"""Until when the credentials last, where that can be told and no program renews them by itself."""

from __future__ import annotations

import base64
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
_LAST_YEAR = 253_370_764_800  # 9999
SSO_CACHE = "~/.aws/sso/cache"


def ends_at(session: Any) -> float | None:
    """Seconds since the epoch at which a boto3 session's credentials end for good; None: not known, or never."""
    credentials = session.get_credentials()
    profiles: Mapping[str, Any] = {}
    with suppress(Exception):  # what is wrong with the files is told when they are used
        profiles = session._session.full_config.get("profiles", {})
    settings = profiles.get(profile(), {})
    match str(getattr(credentials, "method", "")):
        case "env":
            return _time(os.environ.get("AWS_CREDENTIAL_EXPIRATION"))
        case "shared-credentials-file" | "config-file":
            return _noted(settings)
        case "sso":
            return _sso_token_end(settings)
        case "assume-role":
            return _role_end(credentials, settings, profiles)
        case "assume-role-with-web-identity":
            return _web_identity_end(credentials, settings)
    return None


def _role_end(credentials: Any, settings: Mapping[str, Any], profiles: Mapping[str, Any]) -> float | None:
    """A role's session is opened anew as long as its source lasts, and goes on after that until its own end."""
    opened = _opened_until(credentials)
    if settings.get("mfa_serial"):  # which nobody is asked for again in the middle
        return opened
    seen: set[str] = set()
    while (name := str(settings.get("source_profile"))) in profiles and name not in seen:
        seen.add(name)
        settings = profiles[name]
    source = _noted(settings)
    if settings.get("credential_source") == "Environment":
        source = _time(os.environ.get("AWS_CREDENTIAL_EXPIRATION"))
    elif settings.get("sso_account_id"):
        source = _sso_token_end(settings)
    return None if source is None else max(source, opened or 0.0)


def _web_identity_end(credentials: Any, settings: Mapping[str, Any]) -> float | None:
    """The token's own end, as it says, or that of the session that it opened; whoever writes it may write another."""
    path = os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") or settings.get("web_identity_token_file")
    try:
        payload = Path(str(path)).read_text(encoding="utf-8").split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("exp")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    if type(told) not in {int, float} or not 0 < told < _LAST_YEAR:
        return None
    return max(float(told), _opened_until(credentials) or 0.0)


def _opened_until(credentials: Any) -> float | None:
    ends = getattr(credentials, "_expiry_time", None)
    return ends.timestamp() if isinstance(ends, datetime) else None


def _noted(settings: Mapping[str, Any]) -> float | None:
    return next((found for name in _NOTED if (found := _time(settings.get(name))) is not None), None)


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
