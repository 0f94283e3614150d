"""CloudFront before the dashboard's bucket."""

from __future__ import annotations

from tests.golden.controls.expectations import absent, at_least, equals, matches, one_of
from tests.golden.controls.language import (
    DEV,
    STRICT,
    WHOLE,
    Assertion,
    Control,
    att,
    belonging_to,
    check,
    control,
    no,
    none,
    one,
    ref,
    skipped,
    sub,
)
from tests.golden.controls.policies import contains_statement

DISTRIBUTION = one("Distribution", "AWS::CloudFront::Distribution")
CONFIG = "DistributionConfig"
BUCKET = "AWS::S3::Bucket"
HEADERS = one("ResponseHeaders", "AWS::CloudFront::ResponseHeadersPolicy")
SECURITY = "ResponseHeadersPolicyConfig/SecurityHeadersConfig"


def _header(name: str, key: str, value: object) -> list[Assertion]:
    chosen = f"{SECURITY}/{name}"
    return [
        check("own:headers", "dashboard", HEADERS, f"{chosen}/{key}", equals(value)),
        check("own:headers", "dashboard", HEADERS, f"{chosen}/Override", equals(True)),
    ]


CONTROLS: tuple[Control, ...] = (
    control(
        "cloudfront",
        "Security",
        "The dashboard has a root object, redirects to HTTPS, reads a bucket that exists, and has a certificate of its "
        "own by server name where it has a domain of its own.",
        check("CloudFront.1", "dashboard", DISTRIBUTION, f"{CONFIG}/DefaultRootObject", equals("index.html")),
        check(
            "CloudFront.3 CKV_AWS_34",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/DefaultCacheBehavior/ViewerProtocolPolicy",
            one_of(("redirect-to-https", "https-only")),
        ),
        check("CloudFront.3", "dashboard", DISTRIBUTION, f"{CONFIG}/CacheBehaviors", absent()),
        check(
            "CloudFront.7",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/ViewerCertificate/AcmCertificateArn",
            equals(ref("CertificateArn")),
            on=STRICT,
        ),
        check(
            "CloudFront.7",
            "dashboard",
            WHOLE,
            "Stack/Parameters/CertificateArn",
            equals("edge.CertificateArn"),
            on=STRICT,
        ),
        check(
            "CloudFront.7",
            "edge",
            one("Certificate", "AWS::CertificateManager::Certificate"),
            "DomainName",
            matches(r"dashboard\."),
            on=STRICT,
        ),
        check(
            "CloudFront.8",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/ViewerCertificate/SslSupportMethod",
            equals("sni-only"),
            on=STRICT,
        ),
        check(
            "CloudFront.12",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/Origins[*]/DomainName",
            equals(att("SiteBucket.RegionalDomainName")),
        ),
        check("CloudFront.12", "dashboard", one("SiteBucket", BUCKET), "/Type", equals(BUCKET)),
        check(
            "CloudFront.7 CloudFront.8",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/ViewerCertificate",
            equals({"CloudFrontDefaultCertificate": True}),
            on=DEV,
        ),
        check("CloudFront.7", "dashboard", DISTRIBUTION, f"{CONFIG}/Aliases", absent(), on=DEV),
        dev="on; CloudFront's own certificate while there is no domain",
        prd="on",
    ),
    control(
        "cloudfront-oac",
        "Security",
        "Only this distribution reads the bucket, by signed requests. It may list it, so that S3 says 404 of what is "
        "missing and 403 is WAF's alone.",
        check(
            "CloudFront.13",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/Origins[*]/OriginAccessControlId",
            equals(att("OriginAccessControl.Id")),
        ),
        check(
            "CloudFront.13",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/Origins[*]/S3OriginConfig",
            equals({"OriginAccessIdentity": ""}),
        ),
        *(
            check(
                "CloudFront.13",
                "dashboard",
                one("OriginAccessControl"),
                f"OriginAccessControlConfig/{key}",
                equals(value),
            )
            for key, value in (
                ("OriginAccessControlOriginType", "s3"),
                ("SigningBehavior", "always"),
                ("SigningProtocol", "sigv4"),
            )
        ),
        check(
            "CloudFront.13",
            "dashboard",
            belonging_to("AWS::S3::BucketPolicy", "AWS::S3::Bucket", "Bucket"),
            "PolicyDocument/Statement[?Effect=Allow]/Principal",
            equals({"Service": "cloudfront.amazonaws.com"}),
        ),
        *(
            check(
                "CloudFront.13",
                "dashboard",
                one("SiteBucketPolicy"),
                "PolicyDocument/Statement",
                contains_statement(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "cloudfront.amazonaws.com"},
                        "Action": action,
                        "Resource": resource,
                        "Condition": {
                            "StringEquals": {
                                "AWS:SourceArn": sub(
                                    "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
                                )
                            }
                        },
                    }
                ),
            )
            for action, resource in (
                ("s3:GetObject", sub("${SiteBucket.Arn}/*")),
                ("s3:ListBucket", att("SiteBucket.Arn")),
            )
        ),
        none("CloudFront.13", "dashboard", no("AWS::CloudFront::CloudFrontOriginAccessIdentity")),
        dev="on",
        prd="on",
    ),
    control(
        "cloudfront-tls",
        "Security",
        "Viewers need TLS 1.2 with today's ciphers, or newer.",
        check(
            "CloudFront.15 CKV_AWS_174",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/ViewerCertificate/MinimumProtocolVersion",
            one_of(("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")),
            on=STRICT,
        ),
        check(
            "CloudFront.15",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/ViewerCertificate/MinimumProtocolVersion",
            absent(),
            on=DEV,
        ),
        skipped("CKV_AWS_174", "dashboard", DISTRIBUTION),
        dev="on with a domain; without one CloudFront decides (skip)",
        prd="on",
    ),
    control(
        "cloudfront-logs",
        "Operations",
        "The dashboard's requests are logged.",
        check(
            "CloudFront.5 CKV_AWS_86",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/Logging/Bucket",
            equals(att("DistributionLogs.DomainName")),
            on=STRICT,
        ),
        check("CloudFront.5", "dashboard", DISTRIBUTION, f"{CONFIG}/Logging", absent(), on=DEV),
        none("CloudFront.5", "dashboard", no(BUCKET, name="DistributionLogs"), on=DEV),
        skipped("CKV_AWS_86", "dashboard", DISTRIBUTION),
        dev="off (skip): nobody but us reads it",
        prd="on",
    ),
    control(
        "headers",
        "Security",
        "CloudFront adds a content security policy without inline code or foreign sources, a year of HSTS, and refuses "
        "guessed types, frames and foreign referrers.",
        check(
            "own:headers",
            "dashboard",
            DISTRIBUTION,
            f"{CONFIG}/DefaultCacheBehavior/ResponseHeadersPolicyId",
            equals(ref("ResponseHeaders")),
        ),
        *(
            check(
                "own:headers",
                "dashboard",
                HEADERS,
                f"{SECURITY}/ContentSecurityPolicy/ContentSecurityPolicy",
                matches(rf"^(?!.*unsafe|.*https?:|.*\*).*{directive}"),
            )
            for directive in (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
        check("own:headers", "dashboard", HEADERS, f"{SECURITY}/ContentSecurityPolicy/Override", equals(True)),
        check("own:headers", "dashboard", HEADERS, f"{SECURITY}/ContentTypeOptions", equals({"Override": True})),
        check(
            "own:headers",
            "dashboard",
            HEADERS,
            f"{SECURITY}/StrictTransportSecurity/AccessControlMaxAgeSec",
            at_least(31_536_000),
        ),
        _header("StrictTransportSecurity", "IncludeSubdomains", True),
        _header("FrameOptions", "FrameOption", "DENY"),
        _header("ReferrerPolicy", "ReferrerPolicy", "same-origin"),
        dev="on",
        prd="on",
    ),
)
