"""What AWS answers is told by its reason: a hint for another reason sends people the wrong way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.session import Aws
from tests.functional.aws.conftest import Machine
from tests.functional.aws.endpoint import Answer, refusal, s3_refusal

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_ENDPOINT_URL": "{url}"}
WHO = "User: arn:aws:iam::1:user/x is not authorized to perform: cloudformation:DescribeStacks on resource: *"
SIGNATURE = "The request signature we calculated does not match the signature you provided."
TOKEN = "The security token included in the request is invalid."
ARN = "arn:aws:organizations::1:policy/o-1/service_control_policy/p-1"
MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True)
class Case:
    """An answer to DescribeStacks, and words of the sentence and the hint."""

    answer: Answer
    says: str
    advises: str
    region: str = "us-east-1"


def denied(context: str, advises: str) -> Case:
    return Case(refusal("AccessDenied", f"{WHO} {context}"), f"AWS denied DescribeStacks: {WHO} {context}.", advises)


def late(code: str, message: str, clock: float | None, says: str) -> Case:
    return Case(refusal(code, message, clock=clock), says, "timedatectl set-ntp true")


EXPIRED = "Signature expired: 20261127T080000Z is now earlier than 20261127T082500Z (20261127T083000Z - 5 min.)"
EARLY = "Signature not yet current: 20261127T080000Z is still later than 20261127T060500Z (20261127T060000Z + 5 min.)"
CASES = {
    "clock behind": late("SignatureDoesNotMatch", EXPIRED, 30 * MINUTE,
                         "This machine's clock is 30 minutes behind AWS's, so AWS refuses what it signs"),
    "clock ahead": late("InvalidSignatureException", EARLY, -2 * HOUR, "clock is 2 hours ahead of AWS's"),
    "clock of last year": late("RequestExpired", "Request has expired.", 365 * 24 * HOUR, "clock is 365 days behind"),
    "clock that EC2 does not mention": late("AuthFailure", "AWS was not able to validate the provided access "
                                            "credentials", 20 * MINUTE, "clock is 20 minutes behind AWS's"),
    "clock that S3 names": late("RequestTimeTooSkewed", "The difference between the request time and the current time "
                                "is too large.", 16 * MINUTE, "clock is 16 minutes behind AWS's"),
    "time without a Date": late("RequestInTheFuture", "Too early.", None,
                                "AWS says that the time of the request is wrong (DescribeStacks: Too early)."),
    "a wrong secret": Case(refusal("SignatureDoesNotMatch", SIGNATURE), "AWS does not accept these credentials",
                           "AWS_PROFILE"),
    "an expired session": Case(refusal("ExpiredToken", "The security token included in the request is expired"),
                               "AWS does not accept these credentials", "aws sso login"),
    "a key that AWS does not know": Case(refusal("InvalidClientTokenId", TOKEN), "does not accept these", "Sign in"),
    "a region that is not enabled": Case(
        refusal("InvalidClientTokenId", TOKEN), "eu-south-2 does not know these credentials",
        "aws account enable-region --region-name eu-south-2", "eu-south-2",
    ),
    "a region that is not enabled, in JSON's words": Case(
        refusal("UnrecognizedClientException", TOKEN, 400), "af-south-1 does not know", "us-east-1 too", "af-south-1"
    ),
    "a service without a subscription": Case(
        refusal("OptInRequired", "The AWS Access Key Id needs a subscription for the service"),
        "This account may not use the service in us-east-1 yet", "A new account is activated within a day",
    ),
    "a subscription in a region to be enabled": Case(
        refusal("SubscriptionRequiredException", "You need a subscription"), "in me-central-1 yet",
        "Enable me-central-1 for the account first", "me-central-1",
    ),
    "a region that STS has switched off": Case(
        refusal("RegionDisabledException", "STS is not activated in this region"), "may not use", "activated"
    ),
    "nobody allows it": denied("because no identity-based policy allows the cloudformation:DescribeStacks action",
                               "Ask for this permission"),
    "no reason given": Case(refusal("AccessDenied", "Access Denied"), "AWS denied DescribeStacks: Access Denied.",
                            "Ask for this permission"),
    "an SCP denies": denied("with an explicit deny in a service control policy", "manages the organization"),
    "a named SCP denies": denied(f"with an explicit deny in a service control policy: {ARN}", "the organization"),
    "no SCP allows": denied("because no service control policy allows the x action", "manages the organization"),
    "an RCP denies": denied("with an explicit deny in a resource control policy", "on this resource"),
    "a boundary denies": denied("with an explicit deny in a permissions boundary", "permissions boundary"),
    "a boundary ends before it": denied("because no permissions boundary allows the x action", "permissions boundary"),
    "a session policy denies": denied("with an explicit deny in a session policy", "The session was opened with a"),
    "a resource's policy denies": denied("with an explicit deny in a resource-based policy", "its owner has to"),
    "an endpoint's policy denies": denied("because no VPC endpoint policy allows the x action", "VPC endpoint"),
    "a Deny of one's own": denied("with an explicit deny in an identity-based policy", "does not lift a Deny"),
    "EC2's riddle": Case(
        refusal("UnauthorizedOperation", "You are not authorized to perform this operation. User: u. Encoded "
                "authorization failure message: oXYZ-1_2"),
        "AWS denied DescribeStacks: You are not authorized to perform this operation. User: u.",
        "decode-authorization-message",
    ),
    "a scope of another region": Case(
        refusal("InvalidSignatureException", "Credential should be scoped to a valid region, not 'us-east-1'."),
        "DescribeStacks was sent to us-east-1, but what it names belongs to another region",
        "AWS_ENDPOINT_URL={url} leads there: unset it.",
    ),
    "somebody else's answer": Case(refusal("UnknownThing", "What?", 400), "DescribeStacks failed: What?", "is set, so"),
}  # fmt: skip
ONLY_FAILED = {"somebody else's answer"}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_told_by_its_reason(name: str, machine: Machine) -> None:
    case = CASES[name]
    machine.set(**KEYS)
    machine.aws.answers[""] = case.answer
    ran = machine.opsctl("outputs", "--region", case.region)
    error, hint = [line for line in ran.err.splitlines() if line.startswith(("Error: ", "Next: "))]
    assert ran.code == (1 if name in ONLY_FAILED else 5)
    assert case.says in error
    assert machine.fill(case.advises) in hint


def test_only_a_missing_permission_is_to_be_asked_for() -> None:
    asked = {name for name, case in CASES.items() if "Ask for this permission" in case.advises}
    assert asked == {"nobody allows it", "no reason given"}


def test_ec2s_riddle_stands_above_the_sentence_and_not_in_it(machine: Machine) -> None:
    machine.set(**KEYS)
    machine.aws.answers[""] = CASES["EC2's riddle"].answer
    ran = machine.opsctl("outputs")
    assert ran.err.splitlines()[0] == "  oXYZ-1_2"
    assert "oXYZ" not in ran.err.splitlines()[1]


def test_a_clock_is_told_of_where_s3_gives_no_code_at_all(machine: Machine) -> None:
    machine.set(**KEYS)
    machine.aws.answers[""] = Answer(403, "", clock=25 * MINUTE)
    with pytest.raises(AwsRefusedError, match="This machine's clock is 25 minutes behind AWS's"):
        Aws("us-east-1").s3.digest("b", "k")


MALFORMED = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'"
BUCKETS = {
    "header": s3_refusal("AuthorizationHeaderMalformed", MALFORMED, 400, "<Region>eu-west-1</Region>"),
    "redirect": s3_refusal("PermanentRedirect", "The bucket must be addressed using the specified endpoint.", 301,
                           "<Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint>", x_amz_bucket_region="eu-west-1"),
    "constraint": s3_refusal("IllegalLocationConstraintException", "The eu-west-1 location constraint is incompatible "
                             "for the region specific endpoint this request was sent to.", 400,
                             x_amz_bucket_region="eu-west-1"),
}  # fmt: skip


@pytest.mark.parametrize("answer", BUCKETS.values(), ids=BUCKETS)
@pytest.mark.parametrize("redirected", [True, False])
def test_a_bucket_of_another_region_is_named_with_that_region(
    answer: Answer, redirected: bool, machine: Machine
) -> None:
    """botocore follows S3 to another region by itself where it can; these are the answers that it can't follow."""
    machine.set(**KEYS)
    machine.aws.answers[""] = answer
    aws = Aws("us-east-1")
    aws.client("s3")
    if not redirected:
        machine.monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(AwsRefusedError, match="belongs to eu-west-1") as caught:
        aws.s3.put("b", "k", b"")
    assert caught.value.message.startswith("PutObject was sent to us-east-1, but what it names belongs to eu-west-1")
    assert ("leads there: unset it" if redirected else "--region eu-west-1") in caught.value.hint
