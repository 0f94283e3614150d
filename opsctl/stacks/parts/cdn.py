"""CloudFront in front of a private bucket: signed requests to the origin, security headers, HTTPS only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Join, Ref, Select, Split, Sub, cloudfront, s3

from opsctl.config import naming
from opsctl.stacks.parts.base import StackBuilder, skip
from opsctl.stacks.parts.buckets import expire_rule, secure_bucket
from opsctl.stacks.parts.policies import Statement, allow, service

# AWS's managed policy CachingOptimized: compressed, cached as the objects' Cache-Control says, a day without it.
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
TLS_VERSION = "TLSv1.2_2021"
LOG_BUCKET = "DistributionLogs"
LOG_DAYS = 90
HSTS_SECONDS = 365 * 24 * 3600
# Scripts, styles, fonts and data come from the site itself; nothing inline, nothing from elsewhere.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "upgrade-insecure-requests",
    ]
)


@dataclass(frozen=True, kw_only=True)
class SiteContent:
    """Where the content is and under which name. `certificate` and `web_acl` are ARNs in us-east-1, or None."""

    bucket: str
    domain: str | None
    certificate: Any
    web_acl: Any
    access_logs: bool


def distribution(stack: StackBuilder, site: SiteContent) -> cloudfront.Distribution:
    """Add `Distribution` with its access control and header policy, and the bucket of its logs if wanted."""
    config = cloudfront.DistributionConfig(
        Enabled=True,
        Comment=f"Site of {stack.env.service} in {stack.env.name}",
        DefaultRootObject="index.html",  # no leading slash; for the root only [API]
        HttpVersion="http2and3",
        IPV6Enabled=True,
        Origins=[_origin(stack, site)],
        DefaultCacheBehavior=cloudfront.DefaultCacheBehavior(
            TargetOriginId="site",
            ViewerProtocolPolicy="redirect-to-https",
            AllowedMethods=["GET", "HEAD"],
            Compress=True,
            CachePolicyId=CACHING_OPTIMIZED,
            ResponseHeadersPolicyId=Ref(_headers(stack)),
        ),
        CustomErrorResponses=_missing_pages(),
        ViewerCertificate=_viewer_certificate(site),
    )
    if site.domain is not None:
        config.Aliases = [site.domain]
    result = cloudfront.Distribution("Distribution", DistributionConfig=config)
    _protect(stack, site, result, config)
    _log(stack, site, result, config)
    if site.certificate is None:
        # With CloudFront's own name and certificate it decides the TLS version itself. [API ViewerCertificate]
        skip(result, "CKV_AWS_174", "There is no domain_name, so CloudFront's own certificate serves.")
    return stack.add(result)


def reads_site(bucket: str) -> tuple[Statement, ...]:
    """This distribution, and no other, reads the bucket; the grant is by ARN. [UG CloudFront OAC]

    It may list as well, only so that S3 tells it a missing object by 404: to whoever can't list it says 403. [API
    GetObject] Nobody lists through it: the root is the root object, and no query string goes on to the bucket.
    """
    source = Sub("arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}")
    by: dict[str, Any] = {
        "principal": service("cloudfront.amazonaws.com"),
        "condition": {"StringEquals": {"AWS:SourceArn": source}},
    }
    return (
        allow("ReadByDistribution", "s3:GetObject", Sub(f"${{{bucket}.Arn}}/*"), **by),
        allow("TellMissingObjects", "s3:ListBucket", GetAtt(bucket, "Arn"), **by),
    )


def _origin(stack: StackBuilder, site: SiteContent) -> cloudfront.Origin:
    """The bucket under its regional name: under its global one a new bucket redirects for hours. An identity that is
    there and empty is how access control replaces it. [UG CloudFront; API S3OriginConfig]
    """
    control = stack.add(
        cloudfront.OriginAccessControl(
            "OriginAccessControl",
            OriginAccessControlConfig=cloudfront.OriginAccessControlConfig(
                Name=_unique_name("site"),
                Description=f"Reads the site of {stack.env.service} in {stack.env.name}",
                OriginAccessControlOriginType="s3",
                SigningBehavior="always",
                SigningProtocol="sigv4",
            ),
        )
    )
    return cloudfront.Origin(
        Id="site",
        DomainName=GetAtt(site.bucket, "RegionalDomainName"),
        OriginAccessControlId=GetAtt(control, "Id"),
        S3OriginConfig=cloudfront.S3OriginConfig(OriginAccessIdentity=""),
    )


def _unique_name(what: str) -> Any:
    """A name that no other stack of the account has, in any region: it ends in the stack's UUID. At most 64. [API]"""
    return Join("-", ["opsctl", what, Select(2, Split("/", Ref("AWS::StackId")))])


def _headers(stack: StackBuilder) -> cloudfront.ResponseHeadersPolicy:
    headers = cloudfront.SecurityHeadersConfig(
        ContentSecurityPolicy=cloudfront.ContentSecurityPolicy(
            ContentSecurityPolicy=CONTENT_SECURITY_POLICY, Override=True
        ),
        ContentTypeOptions=cloudfront.ContentTypeOptions(Override=True),
        FrameOptions=cloudfront.FrameOptions(FrameOption="DENY", Override=True),
        ReferrerPolicy=cloudfront.ReferrerPolicy(ReferrerPolicy="same-origin", Override=True),
        StrictTransportSecurity=cloudfront.StrictTransportSecurity(
            AccessControlMaxAgeSec=HSTS_SECONDS, IncludeSubdomains=True, Override=True
        ),
    )
    return stack.add(
        cloudfront.ResponseHeadersPolicy(
            "ResponseHeaders",
            ResponseHeadersPolicyConfig=cloudfront.ResponseHeadersPolicyConfig(
                Name=_unique_name("headers"),
                Comment=f"Site of {stack.env.service} in {stack.env.name}",
                SecurityHeadersConfig=headers,
            ),
        )
    )


def _missing_pages() -> list[cloudfront.CustomErrorResponse]:
    """A missing object shows the page, as 404. Not for 403 too: that is what WAF says, and CloudFront would put the
    page in its place. [UG CloudFront GeneratingCustomErrorResponses]
    """
    return [
        cloudfront.CustomErrorResponse(
            ErrorCode=404, ResponseCode=404, ResponsePagePath="/index.html", ErrorCachingMinTTL=10
        )
    ]


def _viewer_certificate(site: SiteContent) -> cloudfront.ViewerCertificate:
    """With a certificate of ACM the two others must be given too. [API ViewerCertificate]"""
    if site.certificate is None:
        return cloudfront.ViewerCertificate(CloudFrontDefaultCertificate=True)
    return cloudfront.ViewerCertificate(
        AcmCertificateArn=site.certificate, SslSupportMethod="sni-only", MinimumProtocolVersion=TLS_VERSION
    )


def _protect(stack: StackBuilder, site: SiteContent, target: Any, config: cloudfront.DistributionConfig) -> None:
    if site.web_acl is not None:
        config.WebACLId = site.web_acl
    else:
        skip(target, "CKV_AWS_68", f"security.waf is off in {stack.env.name}.")


def _log(stack: StackBuilder, site: SiteContent, target: Any, config: cloudfront.DistributionConfig) -> None:
    """CloudFront writes its logs with an ACL, which it adds to the bucket itself: a bucket without ACLs is refused.
    So this one prefers the owner instead of enforcing it. Only S3's own keys. [UG CloudFront AccessLogs]
    """
    if not site.access_logs:
        skip(target, "CKV_AWS_86", f"access_logs of the site is off in {stack.env.name}.")
        return
    bucket: s3.Bucket = secure_bucket(
        stack,
        LOG_BUCKET,
        log_bucket=stack.output_of("bootstrap", "AccessLogBucketName"),
        log_prefix=f"{stack.env.name}/{stack.env.service}/distribution-logs",
        rules=[expire_rule("expire", LOG_DAYS)],
        ownership="BucketOwnerPreferred",
    )
    config.Logging = cloudfront.Logging(
        Bucket=GetAtt(bucket, "DomainName"), Prefix=f"{naming.SITE_STACK}/", IncludeCookies=False
    )
