"""The load balancer: HTTPS only where there is a certificate, logs that arrive, probes that the service answers."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.config.application import Health
from opsctl.stacks import front
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, statements, sub

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"


def build(name: str, **settings: Any) -> Stack:
    return Stack(front.build(environment(name, **settings)))


def attributes(stack: Stack) -> dict[str, Any]:
    return {each["Key"]: each["Value"] for each in stack["LoadBalancer"]["LoadBalancerAttributes"]}


@pytest.mark.parametrize("name", NAMES)
def test_malformed_requests_are_dropped_and_smuggled_ones_refused(name: str) -> None:
    given = attributes(build(name))
    assert given["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert given["routing.http.desync_mitigation_mode"] == "defensive"
    assert given["routing.http.xff_header_processing.mode"] == "append"


def test_deletion_protection_follows_the_environment() -> None:
    assert attributes(build("prd"))["deletion_protection.enabled"] == "true"
    assert attributes(build("dev"))["deletion_protection.enabled"] == "false"


@pytest.mark.parametrize("name", NAMES)
def test_it_spans_every_zone_and_takes_its_rules_from_the_network_stack(name: str) -> None:
    balancer = build(name)["LoadBalancer"]
    assert balancer["Subnets"] == {"Fn::Split": [",", ref("PublicSubnetIds")]}
    assert balancer["SecurityGroups"] == [ref("LoadBalancerSecurityGroupId")]
    assert len(environment(name).vpc.availability_zones) >= 2


def test_neither_balancer_nor_target_group_has_a_name_that_would_stop_their_replacement() -> None:
    stack = build("prd")
    assert "Name" not in stack["LoadBalancer"]
    assert "Name" not in stack["TargetGroup"]


@pytest.mark.parametrize("name", ["hml", "prd"])
def test_with_a_certificate_443_serves_and_80_only_redirects(name: str) -> None:
    stack = build(name)
    assert stack["HttpsListener"]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    assert stack["HttpsListener"]["DefaultActions"][0]["Type"] == "forward"
    assert stack["HttpListener"]["Port"] == 80
    assert stack.attribute("HttpListener", "DependsOn") == "HttpsListener"
    assert stack["HttpListener"]["DefaultActions"] == [
        {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    ]
    assert stack.skips("HttpListener") == set()


def test_without_a_certificate_80_serves_and_says_why() -> None:
    stack = build("dev")
    assert list(stack.of_type("AWS::ElasticLoadBalancingV2::Listener")) == ["HttpListener"]
    assert stack["HttpListener"]["DefaultActions"][0]["Type"] == "forward"
    assert stack.skips("HttpListener") == {"CKV_AWS_2", "CKV_AWS_103"}


def test_a_given_certificate_is_used_and_none_is_issued() -> None:
    stack = build("dev", application__web__certificate_arn=CERTIFICATE)
    assert stack["HttpsListener"]["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert stack.of_type("AWS::CertificateManager::Certificate") == {}


def test_the_certificate_is_for_one_name_and_validated_in_the_given_zone() -> None:
    stack = build("prd")
    certificate = stack["Certificate"]
    assert certificate["DomainName"] == "app.salaries.example.com"
    assert "SubjectAlternativeNames" not in certificate
    assert certificate["ValidationMethod"] == "DNS"
    zone = {"DomainName": "app.salaries.example.com", "HostedZoneId": "Z0123456789PRDEXAMPLE"}
    assert certificate["DomainValidationOptions"] == [zone]
    assert stack["HttpsListener"]["Certificates"] == [{"CertificateArn": ref("Certificate")}]


def test_the_domain_points_at_the_load_balancer_for_both_address_families() -> None:
    records = build("prd").of_type("AWS::Route53::RecordSet")
    assert {each["Type"] for each in records.values()} == {"A", "AAAA"}
    for record in records.values():
        assert record["AliasTarget"] == {
            "DNSName": {"Fn::GetAtt": ["LoadBalancer", "DNSName"]},
            "HostedZoneId": {"Fn::GetAtt": ["LoadBalancer", "CanonicalHostedZoneID"]},
            "EvaluateTargetHealth": True,
        }
    assert build("dev").of_type("AWS::Route53::RecordSet") == {}


@pytest.mark.parametrize(("name", "days"), [("dev", 30), ("prd", 365)])
def test_access_logs_go_to_a_bucket_that_keeps_them_as_long_as_configured(name: str, days: int) -> None:
    stack = build(name)
    given = attributes(stack)
    assert given["access_logs.s3.enabled"] == "true"
    assert given["access_logs.s3.bucket"] == ref("LoadBalancerLogs")
    assert given["access_logs.s3.prefix"] == "alb"
    rules = {rule["Id"]: rule for rule in stack["LoadBalancerLogs"]["LifecycleConfiguration"]["Rules"]}
    assert rules["expire"]["ExpirationInDays"] == days


def test_log_delivery_finds_its_policy_and_a_bucket_without_customer_keys() -> None:
    stack = build("prd")
    assert stack.attribute("LoadBalancer", "DependsOn") == ["LoadBalancerLogsPolicy"]
    encryption = stack["LoadBalancerLogs"]["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    delivery = statements(stack["LoadBalancerLogsPolicy"]["PolicyDocument"])["TakeAccessLogs"]
    assert delivery["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert delivery["Resource"] == sub("${LoadBalancerLogs.Arn}/alb/AWSLogs/${AWS::AccountId}/*")


def test_access_logs_can_be_off() -> None:
    stack = build("local")
    assert "access_logs.s3.enabled" not in attributes(stack)
    assert stack.of_type("AWS::S3::Bucket") == {}
    assert stack.skips("LoadBalancer") == {"CKV_AWS_91"}


@pytest.mark.parametrize("name", NAMES)
def test_targets_are_healthy_when_healthz_says_200(name: str) -> None:
    group = build(name)["TargetGroup"]
    assert group["TargetType"] == "ip"
    assert group["Port"] == build(name, application__web__port=9000)["TargetGroup"]["Port"]
    assert group["HealthCheckPath"] == "/healthz"
    assert group["Matcher"] == {"HttpCode": "200"}
    assert 5 <= group["HealthCheckIntervalSeconds"] <= 300
    assert 2 <= group["HealthCheckTimeoutSeconds"] < group["HealthCheckIntervalSeconds"]


@pytest.mark.parametrize(
    ("interval", "threshold", "timeout", "bad"), [(5, 2, 4, 9), (15, 3, 5, 3), (300, 10, 5, 2), (None, None, 4, 9)]
)
def test_a_new_task_serves_after_the_configured_checks_and_an_old_one_goes_after_45_seconds(
    interval: int | None, threshold: int | None, timeout: int, bad: int
) -> None:
    given = (
        {"application__web__health": Health(path="/healthz", interval=interval, threshold=threshold)}
        if interval and threshold
        else {}
    )
    group = build("dev", **given)["TargetGroup"]
    assert (group["HealthCheckIntervalSeconds"], group["HealthyThresholdCount"]) == (interval or 5, threshold or 2)
    assert (group["HealthCheckTimeoutSeconds"], group["UnhealthyThresholdCount"]) == (timeout, bad)


@pytest.mark.parametrize("seconds", [20, 0, 90])
def test_an_old_task_has_the_configured_time_for_its_requests(seconds: int) -> None:
    stack = build("prd") if seconds == 20 else build("prd", application__web__drain=seconds)
    (delay,) = stack["TargetGroup"]["TargetGroupAttributes"]
    assert delay == {"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}


def test_it_waits_for_nothing_that_takes_minutes_and_says_where_it_answers() -> None:
    prd, dev = build("prd"), build("dev")
    assert set(prd.template.depends_on) == {"bootstrap", "network"}
    assert prd.outputs["ServiceUrl"] == {"Fn::Join": ["", ["https://", "app.salaries.example.com"]]}
    assert dev.outputs["ServiceUrl"]["Fn::Join"][1] == ["http://", {"Fn::GetAtt": ["LoadBalancer", "DNSName"]}]
    # Whoever registers there finds it on a listener. [UG ECS]
    assert dev.outputs["TargetGroupArn"] == ref("TargetGroup")
    assert dev["HttpListener"]["DefaultActions"] == [{"Type": "forward", "TargetGroupArn": ref("TargetGroup")}]
    assert {"LoadBalancerDnsName", "TargetGroupArn", "LoadBalancerFullName", "TargetGroupFullName"} <= set(dev.outputs)


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
