"""Certificates and address records of a domain in a Route 53 zone of the same account."""

from __future__ import annotations

from typing import Any

from troposphere import certificatemanager, route53

from opsctl.stacks.parts.base import StackBuilder

# The zone of every CloudFront distribution's name. [API AliasTarget]
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"


def certificate(stack: StackBuilder, name: str, *, domain: str, zone_id: str) -> certificatemanager.Certificate:
    """Add a certificate for exactly this name, no wildcard.

    CloudFormation validates it by itself only with DNS validation and a zone of the same account, given as `Z…`;
    otherwise creation hangs. All inputs are create-only: another domain makes another certificate. [UG CFN; Schema]
    """
    return stack.add(
        certificatemanager.Certificate(
            name,
            DomainName=domain,
            ValidationMethod="DNS",
            DomainValidationOptions=[
                certificatemanager.DomainValidationOption(DomainName=domain, HostedZoneId=zone_id)
            ],
            CertificateTransparencyLoggingPreference="ENABLED",
        )
    )


def alias_records(
    stack: StackBuilder, *, domain: str, zone_id: str, target: Any, target_zone: Any, evaluate_health: bool
) -> None:
    """Add the A and AAAA records of `domain`. The AAAA answers as soon as the target has IPv6, and is empty before."""
    for kind, name in (("A", "AliasIpv4"), ("AAAA", "AliasIpv6")):
        stack.add(
            route53.RecordSetType(
                name,
                Name=domain,
                Type=kind,
                HostedZoneId=zone_id,
                AliasTarget=route53.AliasTarget(
                    DNSName=target, HostedZoneId=target_zone, EvaluateTargetHealth=evaluate_health
                ),
            )
        )
