"""WAF rules, regional and for CloudFront, and the stack that always lives in us-east-1."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.stacks import edge, front
from tests.unit.stacks.reading import Stack, environment, ref

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"


def build(name: str, **settings: Any) -> Stack:
    return Stack(edge.build(environment(name, **settings)))


@pytest.mark.parametrize(
    ("acl", "scope"),
    [(Stack(front.build(environment("prd"))), "REGIONAL"), (Stack(edge.build(environment("prd"))), "CLOUDFRONT")],
    ids=["regional", "cloudfront"],
)
def test_the_rules_are_the_managed_baseline_and_a_rate_limit(acl: Stack, scope: str) -> None:
    given = acl["WebAcl"]
    assert given["Scope"] == scope
    assert "Name" not in given  # create-only: a new name would mean a new rule set
    assert given["DefaultAction"] == {"Allow": {}}
    rules = {rule["Name"]: rule for rule in given["Rules"]}
    assert set(rules) == {
        "RatePerAddress",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesAmazonIpReputationList",
    }
    assert len({rule["Priority"] for rule in rules.values()}) == 4
    assert rules["RatePerAddress"]["Action"] == {"Block": {}}
    rate = rules["RatePerAddress"]["Statement"]["RateBasedStatement"]
    assert rate == {"Limit": 2000, "EvaluationWindowSec": 300, "AggregateKeyType": "IP"}
    assert rules["AWSManagedRulesCommonRuleSet"]["OverrideAction"] == {"None": {}}


def test_the_load_balancer_stands_behind_waf_where_it_is_on() -> None:
    prd = Stack(front.build(environment("prd")))
    association = {"ResourceArn": ref("LoadBalancer"), "WebACLArn": {"Fn::GetAtt": ["WebAcl", "Arn"]}}
    assert prd["WebAclAssociation"] == association
    dev = Stack(front.build(environment("dev")))
    assert dev.of_type("AWS::WAFv2::WebACL") == {}
    assert dev.of_type("AWS::WAFv2::WebACLAssociation") == {}


@pytest.mark.parametrize("region", ["us-east-1", "sa-east-1"])
def test_it_lives_in_us_east_1_whatever_the_environments_region(region: str) -> None:
    assert build("prd", region=region).template.region == "us-east-1"


def test_it_issues_the_dashboards_certificate() -> None:
    stack = build("prd")
    assert stack["Certificate"]["DomainName"] == "dashboard.salaries.example.com"
    zone = stack["Certificate"]["DomainValidationOptions"][0]["HostedZoneId"]
    assert zone == "Z0123456789PRDEXAMPLE"
    assert set(stack.outputs) == {"CertificateArn", "WebAclArn"}


def test_a_given_certificate_leaves_only_the_rules() -> None:
    assert set(build("prd", site__certificate_arn=CERTIFICATE).outputs) == {"WebAclArn"}


@pytest.mark.parametrize(
    ("name", "settings", "wanted"),
    [
        ("dev", {}, False),
        ("prd", {}, True),
        ("prd", {"security__waf": False}, True),
        ("prd", {"security__waf": False, "site__certificate_arn": CERTIFICATE}, False),
        ("prd", {"site__enabled": False}, False),
    ],
)
def test_it_exists_only_where_cloudfront_needs_something_of_it(
    name: str, settings: dict[str, Any], wanted: bool
) -> None:
    assert edge.wanted(environment(name, **settings)) is wanted
