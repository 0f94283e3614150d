"""Whether a request to the emulator is signed by somebody who may use it: Signature Version 4, as AWS checks it.

ministack asks for signatures with AUTH=true only, which is no lock: it lets through what its own administration and the
registry are asked, takes a payload's hash from the caller, and the secrets of its functions can be computed by anybody.
Its arithmetic is right, and is used here, in front of everything it answers.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from opsctl.local.emulator import signatures_v2
from opsctl.local.emulator.request import Request
from opsctl.local.emulator.seams import Modules
from opsctl.local.keys import AccessKey, Keys

_UNHASHED = ("UNSIGNED-PAYLOAD", "STREAMING-")
_IN_QUERY = frozenset(
    f"x-amz-{name}"
    for name in ("algorithm", "credential", "date", "expires", "signature", "signedheaders", "security-token")
)
_LONGEST_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused, by AWS's code."""

    code: str
    message: str


_UNKNOWN = Refusal("InvalidClientTokenId", "The security token included in the request is invalid.")
_LATE = Refusal("AccessDenied", "Request has expired")
_MISMATCH = Refusal(
    "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."
)


class Verifier:
    """Checks signatures, and says the rest of ministack who asks."""

    def __init__(self, modules: Modules, keys: Keys, account: str, region: str) -> None:
        self._sigv4 = modules.sigv4
        self._sts = modules.sts
        self._keys = keys
        self._account = account
        self._region = region

    def refusal_unread(self, request: Request) -> Refusal | None:
        """Why it is refused whatever its body is: it names no key that is known here, or is late."""
        if request.presigned and signatures_v2.signs(request):
            return self._refusal_v2(request)
        signature = self._signature(request)
        if isinstance(signature, Refusal):
            return signature
        if self._key(signature.access_key_id, request) is None:
            return _UNKNOWN
        if unsigned := _unsigned(request, signature.signed_headers.split(";")):
            return Refusal("SignatureDoesNotMatch", f"The header {unsigned} is not signed.")
        return self._late(request, signature)

    def refusal(self, request: Request) -> Refusal | None:
        """Why it is refused; None when somebody who may has signed it as it is."""
        if refused := self.refusal_unread(request):
            return refused
        if request.presigned and signatures_v2.signs(request):  # which covers no body
            return None
        signature = self._signature(request)
        key = self._key(signature.access_key_id, request)
        if key is None or not _hash_fits(request):
            return _MISMATCH
        failure = self._sigv4.header_signature_failure(
            signature, key.secret, request.method, request.raw_path, request.query, request.headers, request.body,
            presigned=request.presigned,
        )  # fmt: skip
        return Refusal(*failure) if failure else None

    def admitted(self, request: Request) -> tuple[dict[str, str], str]:
        """Headers and query of a verified request as ministack gets them: from the account, as everybody's are.

        NOTE: ministack checks presigned URLs of S3 by secrets of its own, so the signature goes into a header.
        """
        headers = {name: value for name, value in request.headers.items() if name != "x-amz-security-token"}
        if request.presigned and signatures_v2.signs(request):
            scope, in_query = f"{time.strftime('%Y%m%d', time.gmtime())}/{self._region}/s3", signatures_v2.PARAMETERS
        else:
            signature, in_query = self._signature(request), _IN_QUERY
            if self._keys.find(signature.access_key_id) is None:  # a session: ministack knows whose
                return dict(request.headers), request.raw_query
            scope = f"{signature.date_stamp}/{signature.region}/{signature.service}"
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._account}/{scope}/aws4_request, SignedHeaders=host, Signature=verified"
        )
        if not request.presigned:
            return headers, request.raw_query
        left = {name: values for name, values in request.query.items() if name.lower() not in in_query}
        return headers, urlencode(left, doseq=True)

    def is_of_task(self, request: Request) -> bool:
        """Whether a task has signed this verified request."""
        if request.presigned and signatures_v2.signs(request):
            return self._keys.is_of_task(request.parameter("awsaccesskeyid"))
        return self._keys.is_of_task(self._signature(request).access_key_id)

    def _refusal_v2(self, request: Request) -> Refusal | None:
        key = self._key(request.parameter("awsaccesskeyid"), request)
        if key is None:
            return _UNKNOWN
        if signatures_v2.is_late(request):
            return _LATE
        return None if signatures_v2.fits(request, key) else _MISMATCH

    def _signature(self, request: Request) -> Any:
        """ministack's parts of the signature, or why there are none."""
        if not request.presigned:
            algorithm = request.headers["authorization"].partition(" ")[0]
            parts = self._sigv4.parse_header_signature(request.headers)
        elif request.parameter("x-amz-signature"):
            algorithm, parts = request.parameter("x-amz-algorithm"), self._sigv4.parse_query_signature(request.query)
        else:
            return Refusal("MissingAuthenticationToken", "The request must contain a valid access key.")
        if isinstance(parts, tuple):
            return Refusal(*parts)
        if algorithm != "AWS4-HMAC-SHA256" or not parts.signature.isascii():
            return Refusal("IncompleteSignature", "Sign with AWS4-HMAC-SHA256.")
        return parts

    def _key(self, key_id: str, request: Request) -> AccessKey | None:
        """The key with this id, if the request has its token too."""
        key = self._keys.find(key_id) or self._session(key_id)
        token = request.headers.get("x-amz-security-token") or request.parameter("x-amz-security-token")
        return key if key and hmac.compare_digest(token.encode(), key.token.encode()) else None

    def _session(self, key_id: str) -> AccessKey | None:
        """A session that the emulated STS opened for somebody who may use the emulator."""
        session = self._sts._sessions.get(key_id)
        if not session or not session.get("SecretAccessKey") or session.get("Expiration", 0) < time.time():
            return None
        return AccessKey(key_id, session["SecretAccessKey"], session.get("SessionToken") or "")

    def _late(self, request: Request, signature: Any) -> Refusal | None:
        if not request.presigned:
            failure = self._sigv4.request_time_failure(signature)
            return Refusal(*failure) if failure else None
        try:
            seconds = int(request.parameter("x-amz-expires"))
            expired = self._sigv4.presigned_request_is_expired(signature.amz_date, seconds)
        except ValueError:
            return Refusal("AuthorizationQueryParametersError", "X-Amz-Date and X-Amz-Expires must say until when.")
        return _LATE if expired or not 0 < seconds <= _LONGEST_SECONDS else None


def _unsigned(request: Request, signed: list[str]) -> str:
    """A header that has to be signed and isn't: a signature without it would be good for another request."""
    needed = ["host", *(name for name in request.headers if name.startswith("x-amz-"))]
    return next((name for name in needed if name not in signed), "")


def _hash_fits(request: Request) -> bool:
    """Whether the body is the one whose hash was signed. NOTE: ministack takes the header's word for it."""
    named = request.headers.get("x-amz-content-sha256")
    return named is None or named.startswith(_UNHASHED) or named == hashlib.sha256(request.body).hexdigest()
