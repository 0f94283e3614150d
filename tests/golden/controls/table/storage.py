"""Buckets and the image repository."""

from __future__ import annotations

from tests.golden.controls.expectations import absent, equals, matches, one_of
from tests.golden.controls.language import (
    ANY_STACK,
    DEV,
    EVERYWHERE,
    HML,
    PRD,
    STRICT,
    Control,
    EnvironmentName,
    att,
    belonging_to,
    check,
    control,
    every,
    no,
    none,
    one,
    ref,
    skipped,
    sub,
)
from tests.golden.controls.policies import contains_statement

BUCKET = "AWS::S3::Bucket"
BUCKETS = every(BUCKET)
ENCRYPTION = "BucketEncryption/ServerSideEncryptionConfiguration[*]/ServerSideEncryptionByDefault"
REPOSITORY = one("Repository", "AWS::ECR::Repository")
ECR_IDS = "ECR.1 ECR.2 ECR.3 CKV_AWS_51 CKV_AWS_136 CKV_AWS_163"
MANAGED: tuple[EnvironmentName, ...] = ("dev", "hml")
PUBLIC_ACCESS = {
    "BlockPublicAcls": "S3.8 CKV_AWS_53",
    "BlockPublicPolicy": "S3.1 S3.8 CKV_AWS_54 CIS-2.1.4",
    "IgnorePublicAcls": "S3.3 CKV_AWS_55",
    "RestrictPublicBuckets": "S3.2 CKV_AWS_56 CIS-2.1.4",
}

CONTROLS: tuple[Control, ...] = (
    control(
        "s3-private",
        "Security",
        "No bucket can be made public, and access lists are off. The one exception is the bucket of CloudFront's logs, "
        "which the service writes with an access list: there the owner is preferred, and CloudFront adds its own "
        "grant when logging is switched on.",
        *(
            check(ids, ANY_STACK, BUCKETS, f"PublicAccessBlockConfiguration/{key}", equals(True))
            for key, ids in PUBLIC_ACCESS.items()
        ),
        check("CKV_AWS_57 S3.12", ANY_STACK, every(BUCKET), "AccessControl", absent()),
        check(
            "S3.12",
            ANY_STACK,
            every(BUCKET, but="DistributionLogs"),
            "OwnershipControls/Rules",
            equals([{"ObjectOwnership": "BucketOwnerEnforced"}]),
        ),
        check(
            "S3.12",
            "dashboard",
            one("DistributionLogs"),
            "OwnershipControls/Rules",
            equals([{"ObjectOwnership": "BucketOwnerPreferred"}]),
            on=STRICT,
        ),
        dev="on",
        prd="on",
    ),
    control(
        "s3-tls",
        "Security",
        "Every bucket refuses plain HTTP.",
        check(
            "S3.5 CIS-2.1.1",
            ANY_STACK,
            belonging_to("AWS::S3::BucketPolicy", BUCKET, "Bucket"),
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
                "S3.5",
                stack,
                one(f"{name}Policy"),
                "PolicyDocument/Statement[Sid=RefusePlainHttp]/Resource",
                equals([att(f"{name}.Arn"), sub(f"${{{name}.Arn}}/*")]),
                on=on,
            )
            for stack, name, on in (
                ("bootstrap", "AccessLogBucket", EVERYWHERE),
                ("bootstrap", "ArtifactBucket", EVERYWHERE),
                ("platform", "DatasetBucket", EVERYWHERE),
                ("front", "LoadBalancerLogs", EVERYWHERE),
                ("dashboard", "SiteBucket", EVERYWHERE),
                ("dashboard", "DistributionLogs", STRICT),
            )
        ),
        dev="on",
        prd="on",
    ),
    control(
        "s3-kept",
        "Operations",
        "Every bucket is encrypted, versioned, tidied by a lifecycle and logged; the dataset's, with a customer key on "
        "hml and prd (log delivery takes S3's own key only). The bucket that takes these logs is not logged "
        "itself (skip): it would never end.",
        check(
            "S3.9 CKV_AWS_18",
            ANY_STACK,
            every(BUCKET, but="AccessLogBucket"),
            "LoggingConfiguration/DestinationBucketName",
            one_of((ref("AccessLogBucketName"), ref("AccessLogBucket"))),
        ),
        check("S3.9", "bootstrap", one("AccessLogBucket"), "LoggingConfiguration", absent()),
        check(
            "S3.9",
            "bootstrap",
            one("AccessLogBucketPolicy"),
            "PolicyDocument/Statement",
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
        check(
            "own:bucket-encryption",
            ANY_STACK,
            every(BUCKET, but="DatasetBucket"),
            f"{ENCRYPTION}/SSEAlgorithm",
            equals("AES256"),
        ),
        check(
            "own:bucket-encryption",
            "platform",
            one("DatasetBucket"),
            ENCRYPTION,
            equals({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": att("DataKey.Arn")}),
            on=STRICT,
        ),
        check(
            "own:bucket-encryption",
            "platform",
            one("DatasetBucket"),
            ENCRYPTION,
            equals({"SSEAlgorithm": "AES256"}),
            on=DEV,
        ),
        check("S3.10 CKV_AWS_21", ANY_STACK, BUCKETS, "VersioningConfiguration/Status", equals("Enabled")),
        check("S3.13", ANY_STACK, BUCKETS, "LifecycleConfiguration/Rules[Id=tidy]/Status", equals("Enabled")),
        check(
            "S3.10 S3.13",
            ANY_STACK,
            BUCKETS,
            "LifecycleConfiguration/Rules[Id=tidy]/NoncurrentVersionExpiration/NoncurrentDays",
            equals(30),
        ),
        dev="on",
        prd="on",
    ),
    control(
        "ecr",
        "Security",
        "Images are scanned when they are pushed, tags never move, and no push makes the lifecycle drop what a "
        "release ran.",
        check(
            "ECR.1 CKV_AWS_163",
            "platform",
            REPOSITORY,
            "ImageScanningConfiguration/ScanOnPush",
            equals(True),
            on=MANAGED,
        ),
        check("ECR.2 CKV_AWS_51", "platform", REPOSITORY, "ImageTagMutability", equals("IMMUTABLE"), on=MANAGED),
        *(
            check(
                "ECR.3",
                "platform",
                REPOSITORY,
                "LifecyclePolicy/LifecyclePolicyText",
                matches(
                    rf'"tagPrefixList": \[\s*"{name}-r"\s*\],\s*"countType": "imageCountMoreThan",'
                    r'\s*"countNumber": 100000\b'
                ),
                on=on,
            )
            for name, on in (("dev", DEV), ("hml", HML), ("prd", HML))
        ),
        check(
            "CKV_AWS_136",
            "platform",
            REPOSITORY,
            "EncryptionConfiguration",
            equals({"EncryptionType": "KMS", "KmsKey": att("DataKey.Arn")}),
            on=HML,
        ),
        check(
            "CKV_AWS_136",
            "platform",
            REPOSITORY,
            "EncryptionConfiguration",
            equals({"EncryptionType": "AES256"}),
            on=DEV,
        ),
        skipped("CKV_AWS_136", "platform", REPOSITORY),
        none(ECR_IDS, "platform", no("AWS::ECR::Repository"), on=PRD),
        dev="on, AWS's key (skip)",
        hml="on, customer key; it is prd's repository too",
        prd="runs images of hml's repository; makes none",
    ),
)
