"""What CloudFront takes from us-east-1 only, whatever the environment's region: its certificate and its WAF rules."""

from __future__ import annotations

from troposphere import GetAtt, Ref

from opsctl.config.models import Environment
from opsctl.config.regions import EDGE_REGION
from opsctl.stacks.model import StackTemplate
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.dns import certificate
from opsctl.stacks.parts.waf import web_acl


def wants_certificate(env: Environment) -> bool:
    """Whether a certificate has to be issued for the site's domain."""
    site = env.site
    return site.enabled and site.domain_name is not None and site.certificate_arn is None


def wants_web_acl(env: Environment) -> bool:
    """Whether the site stands behind WAF."""
    return env.site.enabled and env.security.waf


def wanted(env: Environment) -> bool:
    """Whether the environment has this stack."""
    return wants_certificate(env) or wants_web_acl(env)


def build(env: Environment) -> StackTemplate:
    """The edge stack, for an environment that wants it. Outputs: CertificateArn, WebAclArn, each if wanted."""
    stack = StackBuilder(env, "edge", region=EDGE_REGION)
    if wants_certificate(env):
        domain, zone_id = env.site.domain_name, env.site.hosted_zone_id
        if domain is None or zone_id is None:
            raise AssertionError("the configuration's rules let no domain through without zone or certificate")
        issued = certificate(stack, "Certificate", domain=domain, zone_id=zone_id)
        stack.output("CertificateArn", Ref(issued), "Certificate of the site's domain")
    if wants_web_acl(env):
        acl = web_acl(stack, "CLOUDFRONT")
        stack.output("WebAclArn", GetAtt(acl, "Arn"), "WAF rules before the site")
    return stack.finish()
