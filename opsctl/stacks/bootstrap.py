"""What an account and region needs once: the artifact bucket, the bucket of access logs, perhaps GuardDuty.

It must not depend on the environment that happens to deploy it: two environments that share an account would otherwise
change it back and forth. The one thing that differs, GuardDuty, is a parameter that the deploy works out.
"""

from __future__ import annotations

from troposphere import Equals, GetAtt, Ref, guardduty, s3

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.buckets import expire_rule, secure_bucket, takes_server_access_logs

ACCESS_LOG_DAYS = 90
RUN_DAYS = 90


def build(env: Environment) -> StackTemplate:
    """The bootstrap stack. Outputs: ArtifactBucketName, AccessLogBucketName, AccessLogBucketArn."""
    stack = StackBuilder(env, "bootstrap")
    logs = secure_bucket(
        stack,
        "AccessLogBucket",
        log_bucket=None,
        log_prefix="",
        rules=[expire_rule("expire", ACCESS_LOG_DAYS)],
        statements=(takes_server_access_logs("AccessLogBucket"),),
    )
    artifacts = secure_bucket(
        stack,
        "ArtifactBucket",
        log_bucket=Ref(logs),
        log_prefix="artifacts",
        rules=[_expired_locks(), expire_rule("old-runs", RUN_DAYS, naming.RUNS)],
    )
    _detector(stack)
    stack.output("ArtifactBucketName", Ref(artifacts), "Templates, bundles, locks and release records")
    stack.output("AccessLogBucketName", Ref(logs), "Takes S3 access logs of this account and region")
    stack.output("AccessLogBucketArn", GetAtt(logs, "Arn"), "ARN of the bucket of access logs")
    # Losing this bucket would lose every environment's release records, whatever one environment's settings say.
    return stack.finish(termination_protection=True)


def _expired_locks() -> s3.LifecycleRule:
    """A lock is rewritten at every renewal: its old versions are worth nothing a day later.

    Other current objects than records of runs never expire: a rollback reads the Lambda bundle of the previous template
    again.
    """
    return s3.LifecycleRule(
        Id="expired-locks",
        Status="Enabled",
        Prefix=naming.LOCKS,
        NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=1),
    )


def _detector(stack: StackBuilder) -> None:
    """One GuardDuty detector is all that a region of an account may have: wanted and absent, or another's already."""
    wanted = stack.context(
        "GuardDuty",
        "guardduty",
        "Whether this stack holds the GuardDuty detector",
        AllowedValues=["true", "false"],
        Default="false",
    )
    stack.template.add_condition("WithGuardDuty", Equals(wanted, "true"))
    stack.add(
        guardduty.Detector(
            "GuardDutyDetector",
            Condition="WithGuardDuty",
            Enable=True,
            FindingPublishingFrequency="FIFTEEN_MINUTES",
        )
    )
