"""The front stack: given certificates, several names, health checks, and what a changed port leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.config.application import Health
from opsctl.stacks import front
from tests.unit.stacks.reading import Stack, environment

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"


def build(name: str, **settings: Any) -> Stack:
    return Stack(front.build(environment(name, **settings)))


def test_a_given_certificate_is_used_and_none_is_issued() -> None:
    stack = build("dev", application__web__certificate_arn=CERTIFICATE)
    assert stack["HttpsListener"]["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert stack.of_type("AWS::CertificateManager::Certificate") == {}


@pytest.mark.parametrize(("interval", "threshold", "timeout", "bad"), [(5, 2, 4, 9), (15, 3, 5, 3), (300, 10, 5, 2)])
def test_a_new_task_serves_after_the_configured_checks_and_an_old_one_goes_after_45_seconds(
    interval: int, threshold: int, timeout: int, bad: int
) -> None:
    health = Health(path="/healthz", interval=interval, threshold=threshold)
    group = build("dev", application__web__health=health)["TargetGroup"]
    assert (group["HealthCheckIntervalSeconds"], group["HealthyThresholdCount"]) == (interval, threshold)
    assert (group["HealthCheckTimeoutSeconds"], group["UnhealthyThresholdCount"]) == (timeout, bad)


def test_another_port_does_not_replace_the_target_group() -> None:
    assert build("dev", application__web__port=9000)["TargetGroup"] == build("dev")["TargetGroup"]


@pytest.mark.parametrize("seconds", [0, 90])
def test_an_old_task_has_the_configured_time_for_its_requests(seconds: int) -> None:
    (delay,) = build("prd", application__web__drain=seconds)["TargetGroup"]["TargetGroupAttributes"]
    assert delay == {"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}


def test_visitors_of_other_names_are_sent_to_the_first_which_a_wildcard_does_not_send_to_itself() -> None:
    stack = build(
        "prd",
        application__web__domains=("app.salaries.example.com", "*.salaries.example.com"),
        application__web__redirect=True,
    )
    rules = sorted(
        stack.of_type("AWS::ElasticLoadBalancingV2::ListenerRule").values(), key=lambda rule: rule["Priority"]
    )
    told = [(rule["Conditions"][0]["HostHeaderConfig"]["Values"], rule["Actions"][0]["Type"]) for rule in rules]
    assert told == [(["app.salaries.example.com"], "forward"), (["*.salaries.example.com"], "redirect")]
    certificate = stack["Certificate"]
    assert certificate["SubjectAlternativeNames"] == ["*.salaries.example.com"]
    assert [each["DomainName"] for each in certificate["DomainValidationOptions"]] == [
        "app.salaries.example.com", "*.salaries.example.com",
    ]  # fmt: skip


def test_a_name_and_all_below_it_are_validated_by_one_record() -> None:
    stack = build("prd", application__web__domains=("salaries.example.com", "*.salaries.example.com"))
    assert [each["DomainName"] for each in stack["Certificate"]["DomainValidationOptions"]] == ["salaries.example.com"]
    assert {"AliasIpv4", "AliasIpv6", "Alias2Ipv4", "Alias2Ipv6"} <= set(stack.resources)
