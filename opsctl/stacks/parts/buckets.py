"""Buckets: private, owner-enforced, versioned, logged, TLS only, with a lifecycle. Named by CloudFormation."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub, s3

from opsctl.stacks.parts.base import StackBuilder, skip
from opsctl.stacks.parts.policies import SAME_ACCOUNT, Statement, allow, deny, document, service


def secure_bucket(
    stack: StackBuilder,
    name: str,
    *,
    log_bucket: Any,
    log_prefix: str,
    key_arn: Any = None,
    rules: list[Any] | None = None,
    statements: tuple[Statement, ...] = (),
    ownership: str = "BucketOwnerEnforced",
    bucket_name: str | None = None,
    keep: bool = True,
) -> s3.Bucket:
    """Add bucket `name` and its policy `<name>Policy` (TLS only, plus `statements`).

    `log_bucket`: name of the bucket that takes its access logs; None for a bucket that itself takes logs, which says
    so to checkov. `key_arn`: customer key; without one S3's own (ALB access logs take no other [UG ALB]).
    `rules` come on top of the one that clears failed uploads and old versions.
    """
    bucket = s3.Bucket(
        name,
        BucketEncryption=_encryption(key_arn),
        OwnershipControls=s3.OwnershipControls(Rules=[s3.OwnershipControlsRule(ObjectOwnership=ownership)]),
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
        LifecycleConfiguration=s3.LifecycleConfiguration(Rules=[tidy_rule(), *(rules or [])]),
    )
    if bucket_name is not None:
        bucket.BucketName = bucket_name
    _log(bucket, log_bucket, log_prefix)
    (stack.keep if keep else stack.add)(bucket)
    stack.add(
        s3.BucketPolicy(
            f"{name}Policy",
            Bucket=Ref(bucket),
            PolicyDocument=document(tls_only(bucket), *statements),
        )
    )
    return bucket


def tls_only(bucket: s3.Bucket) -> Statement:
    """Refuse plain HTTP (S3.5). A Deny for everyone is the one place where principal and action are stars."""
    return deny(
        "RefusePlainHttp",
        "s3:*",
        [GetAtt(bucket, "Arn"), objects(bucket)],
        principal="*",
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )


def objects(bucket: s3.Bucket, prefix: str = "") -> Any:
    """ARN of all objects, or of those under `prefix`."""
    return Sub(f"${{{bucket.title}.Arn}}/{prefix}*")


def takes_server_access_logs(bucket_name: str) -> Statement:
    """S3's log delivery into the bucket with logical id `bucket_name`, from buckets of this account only."""
    return allow(
        "TakeServerAccessLogs",
        "s3:PutObject",
        Sub(f"${{{bucket_name}.Arn}}/*"),
        principal=service("logging.s3.amazonaws.com"),
        condition=SAME_ACCOUNT,
    )


def tidy_rule(noncurrent_days: int = 30) -> s3.LifecycleRule:
    """Old versions and the pieces of failed uploads cost money and serve nobody."""
    return s3.LifecycleRule(
        Id="tidy",
        Status="Enabled",
        NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=noncurrent_days),
        AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
    )


def expire_rule(rule_id: str, days: int, prefix: str | None = None) -> s3.LifecycleRule:
    """Objects (under `prefix`) go after `days` days."""
    options = {} if prefix is None else {"Prefix": prefix}
    return s3.LifecycleRule(Id=rule_id, Status="Enabled", ExpirationInDays=days, **options)


def _log(bucket: s3.Bucket, log_bucket: Any, prefix: str) -> None:
    if log_bucket is None:
        skip(bucket, "CKV_AWS_18", "It takes logs itself; logging its own log deliveries would never end.")
        return
    bucket.LoggingConfiguration = s3.LoggingConfiguration(DestinationBucketName=log_bucket, LogFilePrefix=f"{prefix}/")


def _encryption(key_arn: Any) -> s3.BucketEncryption:
    if key_arn is None:
        default = s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
    else:
        default = s3.ServerSideEncryptionByDefault(SSEAlgorithm="aws:kms", KMSMasterKeyID=key_arn)
    rule = s3.ServerSideEncryptionRule(ServerSideEncryptionByDefault=default, BucketKeyEnabled=key_arn is not None)
    return s3.BucketEncryption(ServerSideEncryptionConfiguration=[rule])
