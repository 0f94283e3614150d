"""One AWS WAF rule set, for the load balancer (REGIONAL) and for CloudFront (CLOUDFRONT, in us-east-1 only)."""

from __future__ import annotations

from typing import Literal

from troposphere import GetAtt, wafv2

from opsctl.stacks.parts.base import StackBuilder

# KnownBadInputs holds the Log4Shell rule. [AWS managed rule groups, baseline]
MANAGED_GROUPS = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesCommonRuleSet",
)
REQUESTS_PER_WINDOW = 2000
WINDOW_SECONDS = 300


def web_acl(stack: StackBuilder, scope: Literal["REGIONAL", "CLOUDFRONT"]) -> wafv2.WebACL:
    """Add `WebAcl`. It has no name of its own: Name and Scope are create-only. [Schema]"""
    rules = [_rate_rule(0), *(_managed_rule(name, number) for number, name in enumerate(MANAGED_GROUPS, start=1))]
    return stack.add(
        wafv2.WebACL(
            "WebAcl",
            Scope=scope,
            Description=f"{stack.env.service} in {stack.env.name}",
            DefaultAction=wafv2.DefaultAction(Allow=wafv2.AllowAction()),
            Rules=rules,
            VisibilityConfig=_visibility("WebAcl"),
        )
    )


def protect(stack: StackBuilder, acl: wafv2.WebACL, resource: object) -> None:
    """Put `acl` before `resource` (an ARN). A new ACL may be unavailable for minutes; CloudFormation tries again.
    [API AssociateWebACL]
    """
    stack.add(wafv2.WebACLAssociation("WebAclAssociation", ResourceArn=resource, WebACLArn=GetAtt(acl, "Arn")))


def _rate_rule(priority: int) -> wafv2.WebACLRule:
    return wafv2.WebACLRule(
        Name="RatePerAddress",
        Priority=priority,
        Action=wafv2.RuleAction(Block=wafv2.BlockAction()),
        Statement=wafv2.Statement(
            RateBasedStatement=wafv2.RateBasedStatement(
                Limit=REQUESTS_PER_WINDOW, EvaluationWindowSec=WINDOW_SECONDS, AggregateKeyType="IP"
            )
        ),
        VisibilityConfig=_visibility("RatePerAddress"),
    )


def _managed_rule(name: str, priority: int) -> wafv2.WebACLRule:
    group = wafv2.ManagedRuleGroupStatement(VendorName="AWS", Name=name)
    return wafv2.WebACLRule(
        Name=name,
        Priority=priority,
        # The group's own actions hold. `None` is the property's name, so it can't be a keyword.
        OverrideAction=wafv2.OverrideAction(**{"None": {}}),
        Statement=wafv2.Statement(ManagedRuleGroupStatement=group),
        VisibilityConfig=_visibility(name),
    )


def _visibility(metric: str) -> wafv2.VisibilityConfig:
    return wafv2.VisibilityConfig(CloudWatchMetricsEnabled=True, SampledRequestsEnabled=True, MetricName=metric)
