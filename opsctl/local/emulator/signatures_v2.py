"""Signature Version 2 in URLs of S3: what boto3 makes in regions that still take it, us-east-1 among them.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
"""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from opsctl.local.emulator.request import Request
    from opsctl.local.keys import AccessKey

PARAMETERS = frozenset({"awsaccesskeyid", "expires", "signature", "x-amz-security-token"})


def signs(request: Request) -> bool:
    """Whether the request's URL is signed this way."""
    return bool(request.parameter("awsaccesskeyid") and request.parameter("signature"))


def is_late(request: Request) -> bool:
    """Whether its time is over; one without a time has none."""
    expires = request.parameter("expires")
    # Python reads no number of thousands of digits.
    return not expires.isdecimal() or len(expires) > 12 or int(expires) < time.time()


def fits(request: Request, key: AccessKey) -> bool:
    """Whether the key has signed the request as it is."""
    from botocore.auth import HmacV1Auth
    from botocore.credentials import Credentials

    signer = HmacV1Auth(Credentials(key.id, key.secret))
    signed = {name: value for name, value in request.headers.items() if _counts(name)}
    # boto3 moves headers into the URL.
    signed |= {name.lower(): values[0] for name, values in request.query.items() if _counts(name.lower())}
    lines = [
        request.method, signed.pop("content-md5", ""), signed.pop("content-type", ""), request.parameter("expires"),
        *(f"{name}:{value.strip()}" for name, value in sorted(signed.items())),
        signer.canonical_resource(urlsplit(f"{request.raw_path}?{request.raw_query}")),
    ]  # fmt: skip
    return hmac.compare_digest(signer.sign_string("\n".join(lines)).encode(), request.parameter("signature").encode())


def _counts(name: str) -> bool:
    return name in ("content-md5", "content-type") or name.startswith("x-amz-")
