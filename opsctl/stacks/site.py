"""The static site that a job exports: a private bucket behind CloudFront, under its own domain when one is set."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Join, Ref

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.stacks import edge
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.buckets import secure_bucket
from opsctl.stacks.parts.cdn import SiteContent, distribution, reads_site
from opsctl.stacks.parts.dns import CLOUDFRONT_ZONE, alias_records


def wanted(env: Environment) -> bool:
    """Whether the environment has a static site."""
    return env.site.enabled


def build(env: Environment) -> StackTemplate:
    """The stack of the site. Outputs: SiteBucketName, DistributionId, DistributionDomainName, SiteUrl."""
    stack = StackBuilder(env, naming.SITE_STACK)
    # S3's own keys: what is here is published, and a customer key's policy would have to name the distribution.
    bucket = secure_bucket(
        stack,
        "SiteBucket",
        log_bucket=stack.output_of("bootstrap", "AccessLogBucketName"),
        log_prefix=f"{env.name}/{env.service}/{naming.SITE_STACK}",
        statements=reads_site("SiteBucket"),
        bucket_name=env.site.bucket_name,
    )
    site = SiteContent(
        bucket=bucket.title,
        domain=env.site.domain_name,
        certificate=_certificate(stack),
        web_acl=stack.output_of("edge", "WebAclArn") if edge.wants_web_acl(env) else None,
        access_logs=env.site.access_logs,
    )
    site_distribution = distribution(stack, site)
    _records(stack, site_distribution)
    address: Any = env.site.domain_name or GetAtt(site_distribution, "DomainName")
    stack.output("SiteBucketName", Ref(bucket), "Takes the exported site")
    stack.output("DistributionId", Ref(site_distribution), "CloudFront distribution")
    stack.output("DistributionDomainName", GetAtt(site_distribution, "DomainName"), "CloudFront's name of the site")
    stack.output("SiteUrl", Join("", ["https://", address]), "Where the site is")
    return stack.finish()


def _certificate(stack: StackBuilder) -> Any:
    """ARN of the certificate: a given one, one of the edge stack, or None without a domain."""
    site = stack.env.site
    if site.domain_name is None:
        return None
    return site.certificate_arn or stack.output_of("edge", "CertificateArn")


def _records(stack: StackBuilder, site_distribution: Any) -> None:
    site = stack.env.site
    if site.domain_name is not None and site.hosted_zone_id is not None:
        alias_records(
            stack,
            domain=site.domain_name,
            zone_id=site.hosted_zone_id,
            target=GetAtt(site_distribution, "DomainName"),
            target_zone=CLOUDFRONT_ZONE,
            evaluate_health=False,  # must be, for CloudFront [API AliasTarget]
        )
