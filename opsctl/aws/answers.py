"""What AWS answered when it answered with an error: who refused, and what helps.

A hint that fits another reason sends people the wrong way for hours, so reasons are told apart as far as the answer
does. Codes and texts: "Common errors" of the API references; "Troubleshoot access denied error messages" of the IAM
user guide; "Error responses" of the S3 API reference.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opsctl.aws.dates import date_of
from opsctl.aws.errors import THROTTLED, AwsError, AwsRefusedError, redirections
from opsctl.config.regions import ENABLED_BY_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.exceptions import ClientError

REGION_KEY = "OpsctlRegion"
"""Under which `session.Aws` notes a client's region among an answer's ResponseMetadata."""

_CREDENTIALS = {
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
    "SignatureDoesNotMatch", "AuthFailure", "InvalidAccessKeyId", "RequestExpired", "InvalidToken",
    "IncompleteSignature", "MissingAuthenticationToken", "InvalidSignatureException",
}  # fmt: skip
_UNKNOWN_KEY = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidToken", "AuthFailure"}
_CLOCK = {"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"}
_CLOCK_TEXT = re.compile("Signature expired|Signature not yet current|request time and the current time is too large")
_NOT_ENABLED = {"OptInRequired", "SubscriptionRequiredException", "RegionDisabledException"}
_OTHER_REGION = {
    "AuthorizationHeaderMalformed", "PermanentRedirect", "301", "IllegalLocationConstraintException",
}  # fmt: skip
_DENIED = {
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized", "403",
    "ForbiddenException", "UnauthorizedException",
}  # fmt: skip
_UNKNOWN_CALL = {"InvalidAction", "UnknownOperationException", "UnknownOperation"}
_WEB_IDENTITY = "AssumeRoleWithWebIdentity"
_HEAD_REFUSED = "403"  # S3 answers HEAD without a body, so without a code
_TOLERANCE = 300.0  # seconds; AWS takes signatures of five minutes before and after, S3 of fifteen

_POLICY = re.compile(
    r"(?:with an (explicit) deny in an? |because no )(service control|resource control|identity-based|resource-based|"
    r"permissions boundary|session|VPC endpoint)\b"
)
_ENCODED = re.compile(r"\s*Encoded authorization failure message: (\S+)")
_ASK = "Ask for this permission; docs/aws.md lists what opsctl needs."
_POLICY_HINTS = {
    "service control": "Your organization forbids it to the whole account, whatever its users may do: no permission "
    "in the account helps. Ask who manages the organization, or use another region or account.",
    "resource control": "Your organization forbids it on this resource, whoever asks: no permission in the account "
    "helps. Ask who manages the organization.",
    "permissions boundary": "The permissions boundary of this user or role ends before it: another policy does not "
    "help. Ask whoever set the boundary to widen it, or use another role.",
    "session": "The session was opened with a policy that leaves this out: open one without it, or with a wider one.",
    "resource-based": "The policy of the resource itself (a bucket, key, secret or repository) refuses: its owner has "
    "to change it there.",
    "VPC endpoint": "The VPC endpoint that the call goes through has a policy that refuses: widen it, or go another "
    "way.",
}
_EXPLICIT_IDENTITY = (
    "A policy of this user or role denies it, and another permission does not lift a Deny: change that policy. Some "
    "deny everything until one signs in with an MFA code."
)


def explained(error: ClientError, *, signing_in: bool) -> AwsError:
    """The answer as a sentence and a hint. `signing_in`: the call was made to get credentials."""
    answer = _Answer(error, signing_in)
    for case in _CASES:
        if (found := case(answer)) is not None:
            return found
    if signing_in:
        return answer.refused(
            f"AWS gives no credentials ({answer.doing}: {answer.text}).", "Check AWS_PROFILE and what it names."
        )
    hint = f"{redirected[0]} is set, so this is not AWS's answer." if (redirected := redirections()) else ""
    return AwsError(f"{answer.doing} failed: {answer.text}.", aws_code=answer.code, hint=hint, status=answer.status)


class _Answer:
    """The parts of an answer that decide."""

    def __init__(self, error: ClientError, signing_in: bool) -> None:
        self.error = error.response.get("Error", {})
        self.code = str(self.error.get("Code", ""))
        self.text = (str(self.error.get("Message", "")) or self.code or "no reason given").rstrip(".")
        self.doing = error.operation_name
        self.signing_in = signing_in
        meta = error.response.get("ResponseMetadata", {})
        self.status = int(meta.get("HTTPStatusCode", 0))
        self.headers = meta.get("HTTPHeaders", {})
        self.region = str(meta.get(REGION_KEY, ""))

    @property
    def behind(self) -> float | None:
        """Seconds by which this machine's clock is behind AWS's, negative when ahead; None without a Date."""
        there = date_of(self.headers)
        return (there - datetime.now(UTC)).total_seconds() if there is not None else None

    def refused(self, message: str, hint: str, detail: tuple[str, ...] = ()) -> AwsRefusedError:
        return AwsRefusedError(message, aws_code=self.code, hint=hint, detail=detail)


def _clock(answer: _Answer) -> AwsError | None:
    """Many services say nothing of the time when they refuse a signature, EC2 for one: then their Date header tells."""
    behind = answer.behind
    wrong = behind is not None and abs(behind) > _TOLERANCE
    named = answer.code in _CLOCK or _CLOCK_TEXT.search(answer.text) is not None
    if not named and not (wrong and (answer.code in _CREDENTIALS or answer.code == _HEAD_REFUSED)):
        return None
    if behind is not None and wrong:
        how = f"{_lasting(abs(behind))} {'behind' if behind > 0 else 'ahead of'} AWS's"
        what = f"This machine's clock is {how}, so AWS refuses what it signs ({answer.doing}: {answer.text})."
    else:
        what = f"AWS says that the time of the request is wrong ({answer.doing}: {answer.text})."
    return answer.refused(
        what, "Set this machine's clock (`timedatectl set-ntp true`; a virtual machine: that of its host), then again."
    )


def expired_by_ec2(error: ClientError) -> bool:
    """EC2 says RequestExpired of a session that has ended as well as of a wrong clock, which its Date tells apart."""
    answer = _Answer(error, signing_in=False)
    behind = answer.behind
    return answer.code == "RequestExpired" and behind is not None and abs(behind) <= _TOLERANCE


def _lasting(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours" if minutes < 2880 else (
        f"{minutes / 1440:.0f} days"
    )  # fmt: skip


def _mfa_code(answer: _Answer) -> AwsError | None:
    if "MultiFactorAuthentication failed" not in answer.text:
        return None
    return answer.refused(
        f"AWS does not accept the MFA code ({answer.doing}: {answer.text}).",
        "A code works once and for half a minute: wait for the next, then run it again.",
    )


def _web_identity(answer: _Answer) -> AwsError | None:
    if answer.doing != _WEB_IDENTITY:
        return None
    if answer.code.startswith("ExpiredToken"):
        what = "The web identity token has expired"
        hint = "Get a new one right before opsctl runs: in CI, run the job again, or sign in in a step before this one."
    elif answer.code in _DENIED:
        what = "The role does not let this web identity in"
        hint = "Compare the role's trust policy (provider, audience, subject) with what the token says."
    else:
        what = "AWS does not accept the web identity token"
        hint = "Check the identity provider in IAM (its URL and audience), and which file holds the token."
    return answer.refused(f"{what} ({answer.doing}: {answer.text}).", hint)


def _other_region(answer: _Answer) -> AwsError | None:
    scoped = "Credential should be scoped to a valid region" in answer.text
    if answer.code not in _OTHER_REGION and not scoped:
        return None
    there = str(answer.error.get("Region") or answer.headers.get("x-amz-bucket-region") or "")
    where = there or "another region"
    asked = f" was sent to {answer.region}, but" if answer.region else ":"
    redirected = redirections()
    return answer.refused(
        f"{answer.doing}{asked} what it names belongs to {where} ({answer.text}).",
        f"{redirected[0]} leads there: unset it."
        if redirected
        else f"Use that region (`region` in environments.yaml, or --region{f' {there}' if there else ''}), or another "
        "name: bucket names are taken in all regions at once.",
    )


def _not_enabled(answer: _Answer) -> AwsError | None:
    region = answer.region
    opt_in = bool(region) and region not in ENABLED_BY_DEFAULT
    if answer.code in _NOT_ENABLED:
        where = f" in {region}" if region else ""
        return answer.refused(
            f"This account may not use the service{where} yet ({answer.doing}: {answer.text}).",
            (f"Enable {region} for the account first (Account > AWS Regions; it takes minutes). " if opt_in else "")
            + "A new account is activated within a day, once its payment method is verified.",
        )
    if opt_in and answer.code in _UNKNOWN_KEY:
        return answer.refused(
            f"{region} does not know these credentials ({answer.doing}: {answer.text}).",
            f"It has to be enabled for the account first (Account > AWS Regions, or `aws account enable-region "
            f"--region-name {region}`), and a session must not come from STS's global endpoint. If the same "
            "credentials fail in us-east-1 too, sign in again.",
        )
    return None


def _denied(answer: _Answer) -> AwsError | None:
    if answer.code not in _DENIED and "is not authorized to perform" not in answer.text:
        return None
    encoded = _ENCODED.search(answer.text)
    text = _ENCODED.sub("", answer.text).rstrip(".")
    found = _POLICY.search(text)
    hint = _ASK if not answer.signing_in else "Ask for it, or check which role or account AWS_PROFILE names."
    if found:
        hint = _POLICY_HINTS.get(found[2], _EXPLICIT_IDENTITY if found[1] else hint)
    elif encoded:
        hint = f"`aws sts decode-authorization-message --encoded-message` says why, given what stands above. {_ASK}"
    return answer.refused(f"AWS denied {answer.doing}: {text}.", hint, (encoded[1],) if encoded and not found else ())


def _credentials(answer: _Answer) -> AwsError | None:
    if answer.code not in _CREDENTIALS:
        return None
    return answer.refused(
        f"AWS does not accept these credentials ({answer.doing}: {answer.text}).",
        "Sign in again, for one with `aws sso login`, and check AWS_PROFILE.",
    )


def _throttled(answer: _Answer) -> AwsError | None:
    if answer.code not in THROTTLED:
        return None
    return AwsError(
        f"AWS throttled {answer.doing} again and again.", aws_code=answer.code, hint="Run the command again later."
    )


def _no_repository(answer: _Answer) -> AwsError | None:
    if answer.code != "RepositoryNotFoundException":
        return None
    return AwsError(
        f"{answer.text}.",
        aws_code=answer.code,
        hint="`opsctl deploy` makes it in the environment that manages it (ecs.manage_repository); or correct "
        "ecs.repository_name.",
        status=answer.status,
    )


def _unknown_call(answer: _Answer) -> AwsError | None:
    """AWS knows the calls of its own SDK."""
    if answer.code not in _UNKNOWN_CALL and not answer.text.startswith(("Unknown action", "Unknown operation")):
        return None
    return AwsError(
        f"What answers there in AWS's place can't do {answer.doing} ({answer.text}).",
        aws_code=answer.code,
        hint="The local emulator lacks some calls: name an environment on AWS with --env.",
        status=answer.status,
    )


_CASES: tuple[Callable[[_Answer], AwsError | None], ...] = (
    _clock, _mfa_code, _web_identity, _other_region, _not_enabled, _denied, _credentials, _throttled,
    _no_repository, _unknown_call,
)  # fmt: skip
