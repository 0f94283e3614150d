"""CloudFront with its bucket, all buckets, and the image repository."""

from __future__ import annotations

from tests.golden.controls.expectations import absent, at_least, contains, equals, matches, one_of
from tests.golden.controls.language import (
    ANY_STACK, DEV, EVERYWHERE, HML, PRD, STRICT, WHOLE,
    Assertion, Control, EnvironmentName, att, belonging_to, check, control, every, no, none, one, ref, skipped, sub,
)  # fmt: skip
from tests.golden.controls.policies import contains_statement

DISTRIBUTION = one("Distribution", "AWS::CloudFront::Distribution")
CONFIG = "DistributionConfig"
BUCKET = "AWS::S3::Bucket"
BUCKETS = every(BUCKET)
HEADERS = one("ResponseHeaders", "AWS::CloudFront::ResponseHeadersPolicy")
SECURITY = "ResponseHeadersPolicyConfig/SecurityHeadersConfig"
REPOSITORY = one("Repository", "AWS::ECR::Repository")
MANAGED: tuple[EnvironmentName, ...] = ("dev", "hml")
PUBLIC_ACCESS = {
    "BlockPublicAcls": "S3.8 CKV_AWS_53",
    "BlockPublicPolicy": "S3.1 S3.8 CKV_AWS_54 CIS-2.1.4",
    "IgnorePublicAcls": "S3.3 CKV_AWS_55",
    "RestrictPublicBuckets": "S3.2 CKV_AWS_56 CIS-2.1.4",
}


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
            "CloudFront.3 CKV_AWS_34", "dashboard", DISTRIBUTION,
            f"{CONFIG}/DefaultCacheBehavior/ViewerProtocolPolicy", one_of(("redirect-to-https", "https-only")),
        ),
        check("CloudFront.3", "dashboard", DISTRIBUTION, f"{CONFIG}/CacheBehaviors", absent()),
        check(
            "CloudFront.7", "dashboard", DISTRIBUTION, f"{CONFIG}/ViewerCertificate/AcmCertificateArn",
            equals(ref("CertificateArn")), on=STRICT,
        ),
        check("CloudFront.7", "dashboard", WHOLE, "Stack/Parameters/CertificateArn", equals("edge.CertificateArn"),
              on=STRICT),
        check(
            "CloudFront.7", "edge", one("Certificate", "AWS::CertificateManager::Certificate"), "DomainName",
            matches(r"dashboard\."), on=STRICT,
        ),
        check(
            "CloudFront.8", "dashboard", DISTRIBUTION, f"{CONFIG}/ViewerCertificate/SslSupportMethod",
            equals("sni-only"), on=STRICT,
        ),
        check(
            "CloudFront.12", "dashboard", DISTRIBUTION, f"{CONFIG}/Origins[*]/DomainName",
            equals(att("SiteBucket.RegionalDomainName")),
        ),
        check("CloudFront.12", "dashboard", one("SiteBucket", BUCKET), "/Type", equals(BUCKET)),
        check(
            "CloudFront.7", "dashboard", DISTRIBUTION, f"{CONFIG}/ViewerCertificate",
            equals({"CloudFrontDefaultCertificate": True}), on=DEV,
        ),
        check("CloudFront.7", "dashboard", DISTRIBUTION, f"{CONFIG}/Aliases", absent(), on=DEV),
        dev="on; CloudFront's own certificate while there is no domain",
        prd="on",
    ),
    control(
        "cloudfront-oac",
        "Security",
        "Only this distribution reads the bucket, by signed requests.",
        check(
            "CloudFront.13", "dashboard", DISTRIBUTION, f"{CONFIG}/Origins[*]/OriginAccessControlId",
            equals(att("OriginAccessControl.Id")),
        ),
        check(
            "CloudFront.13", "dashboard", DISTRIBUTION, f"{CONFIG}/Origins[*]/S3OriginConfig",
            equals({"OriginAccessIdentity": ""}),
        ),
        *(
            check(
                "CloudFront.13", "dashboard", one("OriginAccessControl"), f"OriginAccessControlConfig/{key}",
                equals(value),
            )
            for key, value in (
                ("OriginAccessControlOriginType", "s3"), ("SigningBehavior", "always"), ("SigningProtocol", "sigv4")
            )
        ),
        check(
            "CloudFront.13", "dashboard", belonging_to("AWS::S3::BucketPolicy", "AWS::S3::Bucket", "Bucket"),
            "PolicyDocument/Statement[?Effect=Allow]/Principal", equals({"Service": "cloudfront.amazonaws.com"}),
        ),
        check(
            "CloudFront.13", "dashboard", one("SiteBucketPolicy"), "PolicyDocument/Statement",
            contains_statement(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudfront.amazonaws.com"},
                    "Action": "s3:GetObject",
                    "Resource": sub("${SiteBucket.Arn}/*"),
                    "Condition": {
                        "StringEquals": {
                            "AWS:SourceArn": sub(
                                "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
                            )
                        }
                    },
                }
            ),
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
            "CloudFront.15 CKV_AWS_174", "dashboard", DISTRIBUTION,
            f"{CONFIG}/ViewerCertificate/MinimumProtocolVersion",
            one_of(("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")), on=STRICT,
        ),
        check(
            "CloudFront.15", "dashboard", DISTRIBUTION, f"{CONFIG}/ViewerCertificate/MinimumProtocolVersion",
            absent(), on=DEV,
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
            "CloudFront.5 CKV_AWS_86", "dashboard", DISTRIBUTION, f"{CONFIG}/Logging/Bucket",
            equals(att("DistributionLogs.DomainName")), on=STRICT,
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
            "own:headers", "dashboard", DISTRIBUTION, f"{CONFIG}/DefaultCacheBehavior/ResponseHeadersPolicyId",
            equals(ref("ResponseHeaders")),
        ),
        *(
            check("own:headers", "dashboard", HEADERS, f"{SECURITY}/ContentSecurityPolicy/ContentSecurityPolicy",
                  matches(rf"^(?!.*unsafe|.*https?:|.*\*).*{directive}"))
            for directive in (
                "default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'",
                "base-uri 'none'", "form-action 'none'",
            )
        ),
        check("own:headers", "dashboard", HEADERS, f"{SECURITY}/ContentSecurityPolicy/Override", equals(True)),
        check("own:headers", "dashboard", HEADERS, f"{SECURITY}/ContentTypeOptions", equals({"Override": True})),
        check(
            "own:headers", "dashboard", HEADERS, f"{SECURITY}/StrictTransportSecurity/AccessControlMaxAgeSec",
            at_least(31_536_000),
        ),
        _header("StrictTransportSecurity", "IncludeSubdomains", True),
        _header("FrameOptions", "FrameOption", "DENY"),
        _header("ReferrerPolicy", "ReferrerPolicy", "same-origin"),
        dev="on",
        prd="on",
    ),
    control(
        "s3-private",
        "Security",
        "No bucket can be made public, and access lists are off. The one exception is the bucket of CloudFront's logs, "
        "which the service writes with an access list: there the owner is preferred and log delivery is granted.",
        *(
            check(ids, ANY_STACK, BUCKETS, f"PublicAccessBlockConfiguration/{key}", equals(True))
            for key, ids in PUBLIC_ACCESS.items()
        ),
        check("CKV_AWS_57 S3.12", ANY_STACK, every(BUCKET, but="DistributionLogs"), "AccessControl", absent()),
        check(
            "S3.12", ANY_STACK, every(BUCKET, but="DistributionLogs"), "OwnershipControls/Rules",
            equals([{"ObjectOwnership": "BucketOwnerEnforced"}]),
        ),
        check(
            "S3.12", "dashboard", one("DistributionLogs"), "OwnershipControls/Rules",
            equals([{"ObjectOwnership": "BucketOwnerPreferred"}]), on=STRICT,
        ),
        check("S3.12", "dashboard", one("DistributionLogs"), "AccessControl", equals("LogDeliveryWrite"), on=STRICT),
        dev="on",
        prd="on",
    ),
    control(
        "s3-tls",
        "Security",
        "Every bucket refuses plain HTTP.",
        check(
            "S3.5 CIS-2.1.1", ANY_STACK, belonging_to("AWS::S3::BucketPolicy", BUCKET, "Bucket"),
            "PolicyDocument/Statement",
            contains_statement(
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ),
        ),
        *(
            check(
                "S3.5", stack, one(f"{name}Policy"),
                "PolicyDocument/Statement[Sid=RefusePlainHttp]/Resource",
                equals([att(f"{name}.Arn"), sub(f"${{{name}.Arn}}/*")]), on=on,
            )
            for stack, name, on in (
                ("bootstrap", "AccessLogBucket", EVERYWHERE), ("bootstrap", "ArtifactBucket", EVERYWHERE),
                ("platform", "DatasetBucket", EVERYWHERE), ("app", "LoadBalancerLogs", EVERYWHERE),
                ("dashboard", "SiteBucket", EVERYWHERE), ("dashboard", "DistributionLogs", STRICT),
            )
        ),
        dev="on",
        prd="on",
    ),
    control(
        "s3-kept",
        "Operations",
        "Every bucket is versioned, tidied by a lifecycle and logged. The bucket that takes these logs is not logged "
        "itself (skip): it would never end.",
        check(
            "S3.9 CKV_AWS_18", ANY_STACK, every(BUCKET, but="AccessLogBucket"),
            "LoggingConfiguration/DestinationBucketName", one_of((ref("AccessLogBucketName"), ref("AccessLogBucket"))),
        ),
        check("S3.9", "bootstrap", one("AccessLogBucket"), "LoggingConfiguration", absent()),
        check(
            "S3.9", "bootstrap", one("AccessLogBucketPolicy"), "PolicyDocument/Statement",
            contains_statement(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "logging.s3.amazonaws.com"},
                    "Action": "s3:PutObject",
                    "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
                }
            ),
        ),
        skipped("CKV_AWS_18", "bootstrap", one("AccessLogBucket"), on=EVERYWHERE),
        check("S3.10 CKV_AWS_21", ANY_STACK, BUCKETS, "VersioningConfiguration/Status", equals("Enabled")),
        check("S3.13", ANY_STACK, BUCKETS, "LifecycleConfiguration/Rules[Id=tidy]/Status", equals("Enabled")),
        check(
            "S3.10 S3.13", ANY_STACK, BUCKETS,
            "LifecycleConfiguration/Rules[Id=tidy]/NoncurrentVersionExpiration/NoncurrentDays", equals(30),
        ),
        dev="on",
        prd="on",
    ),
    control(
        "ecr",
        "Security",
        "Images are scanned when they are pushed, tags never move, and a lifecycle keeps the last 30 releases of each "
        "environment.",
        check("ECR.1 CKV_AWS_163", "platform", REPOSITORY, "ImageScanningConfiguration/ScanOnPush", equals(True),
              on=MANAGED),
        check("ECR.2 CKV_AWS_51", "platform", REPOSITORY, "ImageTagMutability", equals("IMMUTABLE"), on=MANAGED),
        *(
            check(
                "ECR.3", "platform", REPOSITORY, "LifecyclePolicy/LifecyclePolicyText",
                matches(rf'"tagPrefixList": \[\s*"{name}-r"\s*\],\s*"countType": "imageCountMoreThan",\s*"countNumber": 30'),
                on=on,
            )
            for name, on in (("dev", DEV), ("hml", HML), ("prd", HML))
        ),
        check(
            "CKV_AWS_136", "platform", REPOSITORY, "EncryptionConfiguration",
            equals({"EncryptionType": "KMS", "KmsKey": att("DataKey.Arn")}), on=HML,
        ),
        check(
            "CKV_AWS_136", "platform", REPOSITORY, "EncryptionConfiguration", equals({"EncryptionType": "AES256"}),
            on=DEV,
        ),
        skipped("CKV_AWS_136", "platform", REPOSITORY),
        none("ECR.1 ECR.2 ECR.3", "platform", no("AWS::ECR::Repository"), on=PRD),
        dev="on, AWS's key (skip)",
        hml="on, customer key; it is prd's repository too",
        prd="runs images of hml's repository; makes none",
    ),
)
