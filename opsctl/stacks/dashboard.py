"""The static dashboard site: a private bucket behind CloudFront, under its own domain when one is set."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Join, Ref

from opsctl.config.models import Environment
from opsctl.stacks import edge
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.buckets import secure_bucket
from opsctl.stacks.parts.cdn import Site, distribution, reads_site
from opsctl.stacks.parts.dns import CLOUDFRONT_ZONE, alias_records


def wanted(env: Environment) -> bool:
    """Whether the environment has a dashboard site."""
    return env.dashboard.enabled


def build(env: Environment) -> StackTemplate:
    """The dashboard stack. Outputs: DashboardBucketName, DistributionId, DistributionDomainName, DashboardUrl."""
    stack = StackBuilder(env, "dashboard")
    # S3's own keys: what is here is published, and a customer key's policy would have to name the distribution.
    bucket = secure_bucket(
        stack,
        "SiteBucket",
        log_bucket=stack.output_of("bootstrap", "AccessLogBucketName"),
        log_prefix=f"{env.name}/{env.service}/dashboard",
        statements=reads_site("SiteBucket"),
        bucket_name=env.dashboard.bucket_name,
    )
    site = Site(
        bucket=bucket.title,
        domain=env.dashboard.domain_name,
        certificate=_certificate(stack),
        web_acl=stack.output_of("edge", "WebAclArn") if edge.wants_web_acl(env) else None,
        access_logs=env.dashboard.access_logs,
    )
    site_distribution = distribution(stack, site)
    _records(stack, site_distribution)
    address: Any = env.dashboard.domain_name or GetAtt(site_distribution, "DomainName")
    stack.output("DashboardBucketName", Ref(bucket), "Takes the exported dashboard")
    stack.output("DistributionId", Ref(site_distribution), "CloudFront distribution")
    stack.output("DistributionDomainName", GetAtt(site_distribution, "DomainName"), "CloudFront's name of the site")
    stack.output("DashboardUrl", Join("", ["https://", address]), "Where the dashboard is")
    return stack.finish()


def _certificate(stack: StackBuilder) -> Any:
    """ARN of the certificate: a given one, one of the edge stack, or None without a domain."""
    dashboard = stack.env.dashboard
    if dashboard.domain_name is None:
        return None
    return dashboard.certificate_arn or stack.output_of("edge", "CertificateArn")


def _records(stack: StackBuilder, site_distribution: Any) -> None:
    dashboard = stack.env.dashboard
    if dashboard.domain_name is not None and dashboard.hosted_zone_id is not None:
        alias_records(
            stack,
            domain=dashboard.domain_name,
            zone_id=dashboard.hosted_zone_id,
            target=GetAtt(site_distribution, "DomainName"),
            target_zone=CLOUDFRONT_ZONE,
            evaluate_health=False,  # must be, for CloudFront [API AliasTarget]
        )
