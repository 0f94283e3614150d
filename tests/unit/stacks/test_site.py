"""The dashboard site under another name than the committed one, and what it takes from us-east-1."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.stacks import edge, site
from tests.unit.stacks.reading import Stack, environment

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"


def build(name: str, **settings: Any) -> Stack:
    return Stack(site.build(environment(name, **settings)))


def test_a_given_bucket_name_is_used() -> None:
    assert build("dev", site__bucket_name="acme-dashboard")["SiteBucket"]["BucketName"] == "acme-dashboard"


def test_a_given_certificate_is_used_and_none_is_issued() -> None:
    stack = build("prd", site__certificate_arn=CERTIFICATE)
    assert stack["Distribution"]["DistributionConfig"]["ViewerCertificate"]["AcmCertificateArn"] == CERTIFICATE
    assert "CertificateArn" not in stack.template.parameters
    only_rules = Stack(edge.build(environment("prd", site__certificate_arn=CERTIFICATE)))
    assert set(only_rules.outputs) == {"WebAclArn"}


@pytest.mark.parametrize("region", ["us-east-1", "sa-east-1"])
def test_what_cloudfront_takes_lies_in_us_east_1_whatever_the_environments_region(region: str) -> None:
    assert edge.build(environment("prd", region=region)).region == "us-east-1"
