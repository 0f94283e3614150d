"""ACM: a certificate's status, end and users."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from opsctl.aws.certificates import Certificate, Certificates
from opsctl.aws.errors import AwsError

from .clients import stubbed

ARN = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
END = datetime(2027, 1, 1, tzinfo=UTC)


def described(**answer: Any) -> Certificate | None:
    with stubbed("acm") as (made, stub):
        stub.add_response("describe_certificate", {"Certificate": answer}, {"CertificateArn": ARN})
        return Certificates(made).certificate(ARN)


def test_an_issued_certificate_says_when_it_ends_and_who_uses_it() -> None:
    found = described(
        DomainName="example.com", Status="ISSUED", NotAfter=END, InUseBy=["arn:lb"],
        RenewalSummary={"RenewalStatus": "PENDING_VALIDATION", "DomainValidationOptions": [{"DomainName": "x"}],
                        "RenewalStatusReason": "NO_AVAILABLE_CONTACTS", "UpdatedAt": END},
    )  # fmt: skip
    assert found == Certificate(
        ARN, "example.com", "ISSUED", END, "PENDING_VALIDATION", "NO_AVAILABLE_CONTACTS", ("arn:lb",)
    )


def test_one_that_failed_says_why_and_a_missing_one_is_none() -> None:
    found = described(DomainName="example.com", Status="FAILED", FailureReason="CAA_ERROR")
    assert found is not None
    assert (found.status, found.reason, found.expires) == ("FAILED", "CAA_ERROR", None)
    with stubbed("acm") as (made, stub):
        stub.add_client_error("describe_certificate", "ResourceNotFoundException")
        assert Certificates(made).certificate(ARN) is None


def test_one_that_may_not_be_read_is_not_missing() -> None:
    with stubbed("acm") as (made, stub):
        stub.add_client_error("describe_certificate", "AccessDeniedException")
        with pytest.raises(AwsError):
            Certificates(made).certificate(ARN)
