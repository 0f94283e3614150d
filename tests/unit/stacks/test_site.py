"""The dashboard site: private bucket, one reader, strict headers, its own name with its own certificate."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.stacks import site
from opsctl.stacks.model import FromOutput
from tests.unit.stacks.reading import Stack, environment, ref, statements, sub

NAMES = ("dev", "hml", "prd")
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"


def build(name: str, **settings: Any) -> Stack:
    return Stack(site.build(environment(name, **settings)))


def config(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack["Distribution"]["DistributionConfig"]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_only_this_distribution_reads_the_bucket_with_signed_requests(name: str) -> None:
    stack = build(name)
    granted = statements(stack["SiteBucketPolicy"]["PolicyDocument"])
    source = "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
    for grant, action in (("ReadByDistribution", "s3:GetObject"), ("TellMissingObjects", "s3:ListBucket")):
        assert granted[grant]["Action"] == action
        assert granted[grant]["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert granted[grant]["Condition"] == {"StringEquals": {"AWS:SourceArn": sub(source)}}
    control = stack["OriginAccessControl"]["OriginAccessControlConfig"]
    assert control["SigningBehavior"] == "always"
    assert control["SigningProtocol"] == "sigv4"
    (origin,) = config(stack)["Origins"]
    assert origin["S3OriginConfig"] == {"OriginAccessIdentity": ""}
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["OriginAccessControl", "Id"]}


@pytest.mark.parametrize("name", NAMES)
def test_the_origin_is_the_regional_name_as_the_global_one_redirects_at_first(name: str) -> None:
    (origin,) = config(build(name))["Origins"]
    assert origin["DomainName"] == {"Fn::GetAtt": ["SiteBucket", "RegionalDomainName"]}


@pytest.mark.parametrize("name", NAMES)
def test_the_bucket_is_private_versioned_and_logged(name: str) -> None:
    bucket = build(name)["SiteBucket"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["LoggingConfiguration"]["DestinationBucketName"] == ref("AccessLogBucketName")
    assert "BucketName" not in bucket


def test_a_given_bucket_name_is_used() -> None:
    assert build("dev", site__bucket_name="acme-dashboard")["SiteBucket"]["BucketName"] == "acme-dashboard"


@pytest.mark.parametrize("name", NAMES)
def test_visitors_are_sent_to_https_and_to_the_index(name: str) -> None:
    given = config(build(name))
    assert given["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert given["DefaultRootObject"] == "index.html"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_answered_by_the_page_and_what_waf_refuses_is_not(name: str) -> None:
    stack = build(name)
    (answer,) = config(stack)["CustomErrorResponses"]
    assert (answer["ErrorCode"], answer["ResponseCode"], answer["ResponsePagePath"]) == (404, 404, "/index.html")
    # S3 says 404 to those who may list the bucket only; 403 stays what WAF said.
    lists = statements(stack["SiteBucketPolicy"]["PolicyDocument"])["TellMissingObjects"]
    assert lists["Resource"] == {"Fn::GetAtt": ["SiteBucket", "Arn"]}


@pytest.mark.parametrize("name", NAMES)
def test_headers_allow_nothing_inline_and_no_frames(name: str) -> None:
    stack = build(name)
    assert config(stack)["DefaultCacheBehavior"]["ResponseHeadersPolicyId"] == ref("ResponseHeaders")
    given = stack["ResponseHeaders"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy = given["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert given["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31536000
    assert given["FrameOptions"]["FrameOption"] == "DENY"
    assert given["ReferrerPolicy"]["ReferrerPolicy"] == "same-origin"
    assert all(header["Override"] is True for header in given.values())


def test_its_own_domain_comes_with_the_edge_stacks_certificate_and_modern_tls() -> None:
    stack = build("prd")
    assert config(stack)["Aliases"] == ["dashboard.salaries.example.com"]
    assert config(stack)["ViewerCertificate"] == {
        "AcmCertificateArn": ref("CertificateArn"),
        "SslSupportMethod": "sni-only",
        "MinimumProtocolVersion": "TLSv1.2_2021",
    }
    assert stack.template.parameters["CertificateArn"] == FromOutput("edge", "CertificateArn")
    assert stack.skips("Distribution") == set()


def test_a_given_certificate_is_used_instead() -> None:
    stack = build("prd", site__certificate_arn=CERTIFICATE)
    assert config(stack)["ViewerCertificate"]["AcmCertificateArn"] == CERTIFICATE
    assert "CertificateArn" not in stack.template.parameters


def test_the_domain_points_at_cloudfronts_zone_for_both_address_families() -> None:
    records = build("prd").of_type("AWS::Route53::RecordSet")
    assert {each["Type"] for each in records.values()} == {"A", "AAAA"}
    for record in records.values():
        assert record["AliasTarget"]["HostedZoneId"] == "Z2FDTNDATAQYW2"
        assert record["AliasTarget"]["EvaluateTargetHealth"] is False


def test_prd_stands_behind_waf_and_logs_requests() -> None:
    stack = build("prd")
    assert config(stack)["WebACLId"] == ref("WebAclArn")
    assert stack.template.parameters["WebAclArn"] == FromOutput("edge", "WebAclArn")
    assert config(stack)["Logging"]["Bucket"] == {"Fn::GetAtt": ["DistributionLogs", "DomainName"]}


def test_cloudfront_can_write_its_logs_as_their_bucket_still_knows_acls() -> None:
    bucket = build("prd")["DistributionLogs"]
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerPreferred"}]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["expire"]["ExpirationInDays"] == 90


def test_dev_uses_cloudfronts_own_name_and_says_what_it_leaves_out() -> None:
    stack = build("dev")
    assert config(stack)["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    assert "Aliases" not in config(stack)
    assert stack.skips("Distribution") == {"CKV_AWS_68", "CKV_AWS_86", "CKV_AWS_174"}
    assert stack.of_type("AWS::Route53::RecordSet") == {}
    assert stack.template.depends_on == ("bootstrap",)


@pytest.mark.parametrize("policy", ["OriginAccessControl", "ResponseHeaders"])
def test_names_that_cloudfront_insists_on_are_unique_and_short_enough(policy: str) -> None:
    stack = build("prd")
    (settings,) = stack[policy].values()
    prefix, parts = settings["Name"]["Fn::Join"]
    uuid = "00000000-0000-0000-0000-000000000000"
    assert parts[-1] == {"Fn::Select": [2, {"Fn::Split": ["/", ref("AWS::StackId")]}]}
    assert len(prefix.join([*parts[:-1], uuid])) <= 64


def test_it_says_where_the_dashboard_is() -> None:
    assert build("prd").outputs["SiteUrl"] == {"Fn::Join": ["", ["https://", "dashboard.salaries.example.com"]]}
    wanted = {"SiteBucketName", "DistributionId", "DistributionDomainName", "SiteUrl"}
    assert set(build("dev").outputs) == wanted
