"""Certificates and address records of a domain in a Route 53 zone of the same account."""

from __future__ import annotations

from typing import Any

from troposphere import certificatemanager, route53

from opsctl.stacks.parts.base import StackBuilder

# The zone of every CloudFront distribution's name. [API AliasTarget]
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"


def certificate(
    stack: StackBuilder, name: str, *, domain: str, zone_id: str, others: tuple[str, ...] = ()
) -> certificatemanager.Certificate:
    """Add a certificate for this name and the others, and for no more.

    CloudFormation validates it by itself only with DNS validation and a zone of the same account, given as `Z…`;
    otherwise creation hangs. All inputs are create-only: another domain makes another certificate. [UG CFN; Schema]
    """
    made = certificatemanager.Certificate(
        name,
        DomainName=domain,
        ValidationMethod="DNS",
        DomainValidationOptions=[
            certificatemanager.DomainValidationOption(DomainName=each, HostedZoneId=zone_id)
            for each in (domain, *others)
            # A name and all names below it are validated by the same record, which can't be made twice.
            if each.removeprefix("*.") not in {domain, *others} or not each.startswith("*.")
        ],
        CertificateTransparencyLoggingPreference="ENABLED",
    )
    if others:
        made.SubjectAlternativeNames = list(others)
    return stack.add(made)


def alias_records(
    stack: StackBuilder,
    *,
    domain: str,
    zone_id: str,
    target: Any,
    target_zone: Any,
    evaluate_health: bool,
    name: str = "Alias",
) -> None:
    """Add the A and AAAA records of `domain`, `<name>Ipv4` and `<name>Ipv6`.

    The AAAA answers as soon as the target has IPv6, and is empty before.
    """
    for kind, family in (("A", "Ipv4"), ("AAAA", "Ipv6")):
        stack.add(
            route53.RecordSetType(
                f"{name}{family}",
                Name=domain,
                Type=kind,
                HostedZoneId=zone_id,
                AliasTarget=route53.AliasTarget(
                    DNSName=target, HostedZoneId=target_zone, EvaluateTargetHealth=evaluate_health
                ),
            )
        )
