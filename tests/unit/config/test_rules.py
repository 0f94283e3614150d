"""Every rule between settings: a configuration that breaks it and what is told; and one that just keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.config import rules, sharing
from opsctl.config.models import Environment

ZONE = {"hosted_zone_id": "Z0123456789ABC", "hosted_zone_name": "example.com"}
ARN = "arn:aws:acm:us-east-1:111111111111:certificate/abc"


def environment(**sections: Any) -> Environment:
    base: dict[str, Any] = {
        "name": "dev",
        "service": "salaries",
        "client": "acme",
        "nat": {"use_nat_instance": True},
        "observability": {"alert_email": "a@example.com"},
        "ecs": {"manage_repository": True},
    }
    for key, value in sections.items():
        base[key] = {**base[key], **value} if isinstance(value, dict) and key in base else value
    return Environment.model_validate(base)


def problems(env: Environment) -> list[tuple[str, str, str]]:
    return [
        (".".join(map(str, problem.path)), problem.what, problem.fix) for rule in rules.RULES for problem in rule(env)
    ]


BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "fargate memory": ({"ecs": {"cpu": 256, "memory": 4096}}, "ecs.memory", "Write 512, 1024 or 2048."),
    "fargate cpu": ({"ecs": {"cpu": 300}}, "ecs.cpu", "Write one of 256, 512"),
    "fargate step": ({"ecs": {"cpu": 8192, "memory": 17000}}, "ecs.memory", "in steps of 4096"),
    "cidr too small": ({"vpc": {"cidr": "10.0.0.0/22"}}, "vpc.cidr", "Write a /20 or larger."),
    "cidr host bits": ({"vpc": {"cidr": "10.0.0.1/16"}}, "vpc.cidr", "Write 10.0.0.0/16."),
    "cidr nonsense": ({"vpc": {"cidr": "ten"}}, "vpc.cidr", "such as 10.20.0.0/16"),
    "cidr too large": ({"vpc": {"cidr": "10.0.0.0/8"}}, "vpc.cidr", "Write a /16 or smaller."),
    "cidr public": ({"vpc": {"cidr": "8.8.0.0/16"}}, "vpc.cidr", "inside 10.0.0.0/8"),
    "zone twice": ({"vpc": {"availability_zones": ("a", "a")}}, "vpc.availability_zones", "each letter once"),
    "two ways out": ({"vpc": {"nat_gateways": 1}}, "vpc.nat_gateways", "exclude"),
    "no way out": ({"nat": {"use_nat_instance": False}}, "vpc.nat_gateways", "nat.use_nat_instance to true"),
    "gateways": ({"nat": {"use_nat_instance": False}, "vpc": {"nat_gateways": 3}}, "vpc.nat_gateways", "one per zone"),
    "counts": ({"ecs": {"min_count": 3, "max_count": 2}}, "ecs.min_count", "Write 2 or less"),
    "local repository": (
        {"target": "local", "ecs": {"manage_repository": False}}, "ecs.manage_repository", "Set it to true.",
    ),
    "latest": ({"ecs": {"image_tag": "Latest"}}, "ecs.image_tag", "deploy the commit"),
    "tag and build": ({"ecs": {"image_tag": "v1", "build_on_deploy": True}}, "ecs.image_tag", "Remove image_tag"),
    "tls": ({"security": {"enforce_tls": True}}, "security.enforce_tls", "ecs.domain_name"),
    "certificate region": (
        {"region": "eu-west-1", "ecs": {"certificate_arn": ARN}}, "ecs.certificate_arn", "eu-west-1",
    ),
    "cloudfront certificate": (
        {"dashboard": {"certificate_arn": ARN.replace("us-east-1", "eu-west-1"), "domain_name": "d.example.com"}},
        "dashboard.certificate_arn", "us-east-1",
    ),
    "unused certificate": ({"dashboard": {"certificate_arn": ARN}}, "dashboard.certificate_arn", "domain_name"),
    "domain outside zone": ({"ecs": {"domain_name": "app.example.org", **ZONE}}, "ecs.domain_name", ".example.com"),
    "domain like zone": ({"ecs": {"domain_name": "badexample.com", **ZONE}}, "ecs.domain_name", ".example.com"),
    "zone without name": ({"ecs": {"hosted_zone_id": "Z0123456789ABC", "domain_name": "a.example.com"}},
                          "ecs.hosted_zone_id", "hosted_zone_name"),
    "domain without zone": ({"ecs": {"domain_name": "a.example.com"}}, "ecs.domain_name", "certificate_arn"),
    "zone without domain": ({"dashboard": ZONE}, "dashboard.hosted_zone_id", "domain_name"),
    "same domain": ({"ecs": {"domain_name": "a.example.com", **ZONE},
                     "dashboard": {"domain_name": "a.example.com", **ZONE}}, "dashboard.domain_name", "of its own"),
    "replica": ({"rds": {"enable_replica": True, "backup_days": 0}}, "rds.enable_replica", "backup_days to 1"),
    "port": ({"rds": {"port": 5432}}, "rds.port", "5433"),
    "master": ({"rds": {"admin_user": "postgres"}}, "rds.admin_user", "opsctl_master"),
    "storage": ({"rds": {"max_allocated_storage": 20}}, "rds.max_allocated_storage", "Write 22 or more"),
    "storage nearly": (
        {"rds": {"allocated_storage": 101, "max_allocated_storage": 111}}, "rds.max_allocated_storage", "Write 112",
    ),
    "pinned with replica": (
        {"rds": {"engine_version": "17.6", "enable_replica": True}}, "rds.engine_version", 'major version, "17"',
    ),
    "trust": ({"rds": {"auth": "trust"}}, "rds.auth", "Write `iam`"),
    "role twice": ({"rds": {"app_user": "app_owner"}}, "rds.roles.owner", "of its own"),
    "retention": ({"observability": {"log_retention_days": 15}}, "observability.log_retention_days", "Write 14"),
    "no mail": ({"observability": {"alert_email": None}}, "observability.alert_email", "read at night"),
    "aws tag": ({"tags": {"aws:x": "1"}}, "tags.aws:x", "another name"),
    "long tag": ({"tags": {"x": "1" * 257}}, "tags.x", "Shorten"),
    "unknown stack": ({"tag_overrides": {"ap": {"x": "1"}}}, "tag_overrides.ap", "Write one of"),
    "long names": ({"name": "n" * 40, "service": "s" * 40, "client": "c" * 40}, "service", "Shorten"),
    "local on aws": ({"name": "local"}, "target", "call it otherwise"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_names_the_key_and_what_to_write(case: str) -> None:
    sections, path, fix = BROKEN[case]
    found = problems(environment(**sections))
    assert len(found) == 1, found
    assert found[0][0] == path
    assert fix in f"{found[0][1]} {found[0][2]}"


KEPT: dict[str, dict[str, Any]] = {
    "as it is": {},
    "largest task": {"ecs": {"cpu": 16384, "memory": 122880}},
    "three zones in a /20": {"vpc": {"cidr": "10.0.0.0/20", "availability_zones": ("a", "b", "c")}},
    "endpoints alone": {"nat": {"use_nat_instance": False}, "vpc": {"interface_endpoints": True}},
    "zone apex": {"ecs": {"domain_name": "example.com", **ZONE}, "security": {"enforce_tls": True}},
    "given certificate": {"ecs": {"certificate_arn": ARN}, "security": {"enforce_tls": True}},
    "storage grows by ten percent": {"rds": {"allocated_storage": 101, "max_allocated_storage": 112}},
    "a pinned minor version": {"rds": {"engine_version": "17.6"}},
    "local needs neither mail nor way out": {
        "name": "local", "target": "local", "nat": {"use_nat_instance": False}, "observability": {"alert_email": None},
        "rds": {"auth": "trust"},
    },
}  # fmt: skip


@pytest.mark.parametrize("case", KEPT)
def test_what_aws_accepts_is_accepted(case: str) -> None:
    assert problems(environment(**KEPT[case])) == []


def test_every_rule_is_broken_by_some_case() -> None:
    silent = [
        rule.__name__
        for rule in rules.RULES
        if not any(list(rule(environment(**sections))) for sections, _, _ in BROKEN.values())
    ]
    assert silent == []


@pytest.mark.parametrize(("managers", "count"), [((), 1), (("dev",), 0), (("dev", "hml"), 1)])
def test_exactly_one_environment_manages_a_repository(managers: tuple[str, ...], count: int) -> None:
    environments = {
        name: environment(name=name, ecs={"manage_repository": name in managers}) for name in ("dev", "hml")
    }
    assert len(list(sharing.repositories(environments))) == count


@pytest.mark.parametrize(("account", "count"), [("111111111111", 0), ("222222222222", 1), (None, 0)])
def test_an_environment_of_another_account_may_not_build_into_the_repository(account: str | None, count: int) -> None:
    owner = environment(name="hml", account_id="111111111111")
    builder = environment(account_id=account, ecs={"manage_repository": False, "build_on_deploy": True})
    found = list(sharing.repositories({"hml": owner, "dev": builder}))
    assert [(name, problem.path) for name, problem in found] == [("dev", ("ecs", "build_on_deploy"))] * count
