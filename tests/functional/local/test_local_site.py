"""CloudFront before a bucket: what it is told of objects that are missing, and of requests that are refused."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.functional.local.sandbox import Sandbox
from tests.functional.local.stacks import Template, deploy, outputs

pytestmark = pytest.mark.emulator
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"


def template(*, may_list: bool) -> Template:
    """A bucket behind CloudFront, with access control, which shows its page for 404 only."""
    source = {
        "StringEquals": {"AWS:SourceArn": {"Fn::Sub": "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Cdn}"}}
    }
    grants: list[dict[str, Any]] = [{"Action": "s3:GetObject", "Resource": {"Fn::Sub": "${Site.Arn}/*"}}]
    grants += [{"Action": "s3:ListBucket", "Resource": {"Fn::GetAtt": ["Site", "Arn"]}}] * may_list
    who = {"Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Condition": source}
    control = {"Name": f"site-{may_list}", "OriginAccessControlOriginType": "s3", "SigningBehavior": "always",
               "SigningProtocol": "sigv4"}  # fmt: skip
    return {
        "Resources": {
            "Site": {"Type": "AWS::S3::Bucket"},
            "Policy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "Site"},
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [{**who, **grant} for grant in grants]},
                },
            },
            "Control": {
                "Type": "AWS::CloudFront::OriginAccessControl", "Properties": {"OriginAccessControlConfig": control}
            },
            "Cdn": {
                "Type": "AWS::CloudFront::Distribution",
                "Properties": {
                    "DistributionConfig": {
                        "Enabled": True,
                        "Origins": [
                            {
                                "Id": "site", "DomainName": {"Fn::GetAtt": ["Site", "RegionalDomainName"]},
                                "OriginAccessControlId": {"Fn::GetAtt": ["Control", "Id"]},
                                "S3OriginConfig": {"OriginAccessIdentity": ""},
                            }
                        ],
                        "DefaultCacheBehavior": {
                            "TargetOriginId": "site", "ViewerProtocolPolicy": "redirect-to-https",
                            "CachePolicyId": CACHING_OPTIMIZED,
                        },
                        "CustomErrorResponses": [
                            {"ErrorCode": 404, "ResponseCode": 404, "ResponsePagePath": "/index.html"}
                        ],
                    }
                },
            },
        },
        "Outputs": {
            "Bucket": {"Value": {"Ref": "Site"}}, "Domain": {"Value": {"Fn::GetAtt": ["Cdn", "DomainName"]}}
        },
    }  # fmt: skip


def published(sandbox: Sandbox, *, may_list: bool) -> str:
    """The address of a site with one page."""
    name = f"site-{may_list}".lower()
    assert deploy(sandbox.client("cloudformation"), name, template(may_list=may_list)) == "CREATE_COMPLETE"
    told = outputs(sandbox.client("cloudformation"), name)
    sandbox.client("s3").put_object(Bucket=told["Bucket"], Key="index.html", Body=b"the page")
    return sandbox.target.service_url(told["Domain"], 443)


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_missing_object_is_404_with_the_page_where_cloudfront_may_list_the_bucket(sandbox: Sandbox) -> None:
    site = published(sandbox, may_list=True)
    assert get(f"{site}index.html") == (200, "the page")
    assert get(f"{site}nothing") == (404, "the page")


def test_it_is_403_and_stays_so_where_cloudfront_may_not(sandbox: Sandbox) -> None:
    site = published(sandbox, may_list=False)
    assert get(f"{site}index.html") == (200, "the page")
    status, body = get(f"{site}nothing")
    assert status == 403
    assert "the page" not in body
