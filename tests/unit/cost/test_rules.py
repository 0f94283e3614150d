"""Every type that our stacks hold is billed, or free for a reason; what is neither is counted, and never 0."""

from __future__ import annotations

import importlib
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from opsctl.config.models import Usage
from opsctl.cost.billing import Component
from opsctl.cost.estimate import estimate
from opsctl.cost.free import WITHOUT_CHARGE
from opsctl.cost.offers import query
from opsctl.cost.prices import packaged
from opsctl.cost.rules import RULES, components
from tests.unit.stacks.reading import NAMES, ROOT, environment

from .scenes import billing, configured, content, estimated


def types_in_source() -> set[str]:
    """Resource types whose class a module of the stacks calls, in whatever environment it would do so."""
    found = set()
    for path in (ROOT / "opsctl" / "stacks").rglob("*.py"):
        text = path.read_text()
        aliases = dict(re.findall(r"^from troposphere import (\w+) as (\w+)$", text, re.MULTILINE))
        modules = {alias: module for module, alias in aliases.items()}
        for module, name in re.findall(r"\b(\w+)\.([A-Z]\w+)\(", text):
            try:
                made = getattr(importlib.import_module(f"troposphere.{modules.get(module, module)}"), name, None)
            except ImportError:
                continue
            found.add(getattr(made, "resource_type", None))
    return {each for each in found if each}


def test_every_type_of_our_stacks_is_billed_or_free_for_a_reason() -> None:
    rendered = {each["Type"] for name in NAMES for stack in configured(environment(name))
                for each in stack.template["Resources"].values()}  # fmt: skip
    known = {*RULES, *WITHOUT_CHARGE}
    assert len(rendered) > 50
    assert rendered - known == set()
    assert types_in_source() - known == set()
    assert known - rendered - types_in_source() == set(), "no stack has these"
    assert not RULES.keys() & WITHOUT_CHARGE.keys()
    assert all(len(why) > 10 for why in WITHOUT_CHARGE.values())


def test_a_type_that_nobody_listed_is_counted_as_unknown() -> None:
    found = estimate("x", "us-east-1", [content({"Q": {"Type": "AWS::MSK::Cluster"}})], Usage(), packaged())
    assert [(line.what, line.usd) for line in found.unknown] == [("AWS::MSK::Cluster", None)]
    assert found.total == 0


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::RDS::DBInstance", {}),
        ("AWS::RDS::DBInstance", {"DBInstanceClass": {"Ref": "Size"}, "AllocatedStorage": {"Ref": "Disk"}}),
        ("AWS::EC2::Instance", {"BlockDeviceMappings": {"Fn::If": ["a", "b", "c"]}}),
        ("AWS::Scheduler::Schedule", {"Target": "x"}),
        ("AWS::WAFv2::WebACL", {"Rules": 7}),
        ("AWS::CloudWatch::Alarm", {"Metrics": {"Fn::If": ["a", 1, 2]}, "Period": {"Ref": "P"}}),
    ],
)
def test_a_template_of_somebody_elses_ends_nothing(kind: str, properties: dict[str, Any]) -> None:
    template = [content({"X": {"Type": kind, "Properties": properties}})]
    lines = estimate("x", "us-east-1", template, Usage(), packaged()).lines
    assert lines or kind == "AWS::Scheduler::Schedule"


def test_every_price_of_the_table_is_one_that_some_rule_asks_for() -> None:
    """A row that no component names would be a typing mistake on one of the two sides."""
    asked = {line.item for name in ("dev", "hml", "prd") for line in estimated(name).lines}
    rare = {"alarm.fast", "fargate.arm.vcpu", "fargate.arm.gb", "fargate.storage", "rds.backup"}
    rows = {item for item, _ in packaged().rows}
    assert {row for row in rows if not row.startswith(("rds.db.", "ec2."))} - asked == rare
    assert {item for item in rows if query(item) is None} == {"cloudfront.gb", "cloudfront.requests"}


def found(resources: dict[str, Any], **usage: float) -> dict[str, Decimal]:
    made: list[Component] = list(components(billing(resources, **usage)))
    return {each.item: each.quantity for each in made}


TASK: dict[str, Any] = {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": "512", "Memory": "2048"}}


def service(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "T"}, **properties}}


def test_a_service_is_billed_for_the_tasks_that_it_has_at_least() -> None:
    target = {
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {"MinCapacity": 4, "ResourceId": {"Fn::Sub": "service/${ClusterName}/${S.Name}"}},
    }
    assert found({"T": TASK, "S": service(), "X": target})["fargate.x86.vcpu"] == 4 * Decimal("0.5") * 730
    assert found({"T": TASK, "S": service(DesiredCount=2)})["fargate.x86.gb"] == 2 * 2 * 730
    assert found({"T": TASK, "S": service(DesiredCount=0)})["fargate.x86.gb"] == 0


def test_extra_tasks_are_the_webs_alone_and_arm_disks_and_public_addresses_are_billed_as_such() -> None:
    arm = {**TASK, "Properties": {**TASK["Properties"], "RuntimePlatform": {"CpuArchitecture": "ARM64"},
                                  "EphemeralStorage": {"SizeInGiB": 50}}}  # fmt: skip
    public = {"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED"}}
    web = service(LoadBalancers=[{}], DesiredCount=1, NetworkConfiguration=public)
    rows = [(each.what, each.item, each.quantity) for each in components(billing({"T": arm, "W": web}, extra_tasks=2))]
    assert rows == [
        ("Fargate arm vCPU", "fargate.arm.vcpu", Decimal("365.0")),
        ("Fargate arm memory", "fargate.arm.gb", Decimal(1460)),
        ("Fargate disk above 20 GiB", "fargate.storage", Decimal(30 * 730)),
        ("public addresses of tasks", "ipv4.hour", Decimal(730)),
        ("Fargate arm vCPU of extra tasks", "fargate.arm.vcpu", Decimal("730.0")),
        ("Fargate arm memory of extra tasks", "fargate.arm.gb", Decimal(2920)),
        ("Fargate disk above 20 GiB of extra tasks", "fargate.storage", Decimal(60 * 730)),
        ("public addresses of tasks of extra tasks", "ipv4.hour", Decimal(1460)),
    ]
    worker = service(DesiredCount=1)
    assert found({"T": TASK, "S": worker}, extra_tasks=5)["fargate.x86.gb"] == 2 * 730


def test_storage_grows_as_far_as_it_may_and_a_replicas_does_not() -> None:
    database: dict[str, Any] = {
        "Type": "AWS::RDS::DBInstance",
        "Properties": {"DBInstanceClass": "db.t4g.micro", "AllocatedStorage": "20", "MaxAllocatedStorage": 30},
    }
    replica = {
        "Type": "AWS::RDS::DBInstance",
        "Properties": {"DBInstanceClass": "db.t4g.micro", "SourceDBInstanceIdentifier": "x", "MultiAZ": True},
    }
    got = found({"D": database, "R": replica}, database_growth_gb=500, backup_gb=7)
    assert got["rds.gp3.single"] == 30
    assert got["rds.gp3.multi"] == 20
    assert got["rds.backup"] == 7
    fixed = {**database, "Properties": {**database["Properties"], "MaxAllocatedStorage": None}}
    assert found({"D": fixed}, database_growth_gb=500)["rds.gp3.single"] == 20


def test_a_condition_that_does_not_hold_leaves_its_resource_out() -> None:
    assert "GuardDuty" not in {line.what for line in estimated("dev").lines}
    assert "GuardDuty" in {line.what for line in estimated("dev", security__guardduty=True).lines}


def test_capacity_is_the_larger_of_connections_and_data_unless_it_is_given() -> None:
    balancer = {"L": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer"}}
    assert found(balancer, requests=0, out_gb=7300)["alb.lcu"] == 10 * 730
    assert float(found(balancer, requests=657, out_gb=0)["alb.lcu"]) == pytest.approx(10 * 730)
    assert found(balancer, requests=657, lcu=2)["alb.lcu"] == 2 * 730
    internal = {"L": {**balancer["L"], "Properties": {"Scheme": "internal"}}}
    assert "ipv4.hour" not in found(internal)


def test_alarms_are_billed_by_metric_and_by_how_often_they_look() -> None:
    def alarm(**properties: Any) -> dict[str, Decimal]:
        return found({"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}})

    assert alarm(Period=60) == {"alarm": 1}
    assert alarm(Period=30) == {"alarm.fast": 1}
    assert alarm(Metrics=[{"MetricStat": {}}, {"MetricStat": {}}, {"Expression": "a+b"}]) == {"alarm": 2}


def test_packages_hold_the_table() -> None:
    assert (Path(ROOT) / "opsctl" / "cost" / "prices.csv").is_file()
