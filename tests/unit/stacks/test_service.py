"""The ECS service: rolls back by itself, keeps what autoscaling chose, and wakes someone when that isn't enough."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.stacks import app
from opsctl.stacks.model import FromOutput
from tests.unit.stacks.reading import NAMES, Stack, environment, ref, sub


def build(name: str, **settings: Any) -> Stack:
    return Stack(app.build(environment(name, **settings)))


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_release_goes_back_by_itself_even_one_that_flaps(name: str) -> None:
    deployment = build(name)["Service"]["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True, "ResetOnHealthyTask": False}
    assert deployment["MinimumHealthyPercent"] == 100
    # Rebalancing between zones is not available at 100.
    assert deployment["MaximumPercent"] > 100
    assert "Alarms" not in deployment  # they would need a bake time
    # Done once every new task is healthy, not before: old ones that drain hold nothing up.
    assert deployment["EarlySuccessCriteria"] == {
        "Enable": True, "HealthyPercent": 100, "SourceServiceRevisionCleanup": "DEFERRED"
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_deploy_resets_the_count_that_autoscaling_chose(name: str) -> None:
    stack = build(name)
    assert "DesiredCount" not in stack["Service"]
    assert stack["ScalableTarget"]["MinCapacity"] == environment(name).application.web.count[0]
    assert stack["ScalableTarget"]["MaxCapacity"] == environment(name).application.web.count[1]


@pytest.mark.parametrize("name", NAMES)
def test_tasks_are_private_current_and_nobody_can_log_in_to_them(name: str) -> None:
    service = build(name)["Service"]
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert network["Subnets"] == {"Fn::Split": [",", ref("PrivateSubnetIds")]}
    assert network["SecurityGroups"] == [ref("ServiceSecurityGroupId")]
    assert service["PlatformVersion"] == "LATEST"
    assert service["EnableExecuteCommand"] is False
    assert service["AvailabilityZoneRebalancing"] == "ENABLED"


def test_a_public_address_comes_with_public_subnets() -> None:
    network = build("dev", ecs__assign_public_ip=True)["Service"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "ENABLED"
    assert network["Subnets"] == {"Fn::Split": [",", ref("PublicSubnetIds")]}


def test_a_task_gets_time_to_start_before_its_health_counts() -> None:
    assert build("prd")["Service"]["HealthCheckGracePeriodSeconds"] >= 60


@pytest.mark.parametrize("name", NAMES)
def test_its_tasks_register_with_the_fronts_target_group(name: str) -> None:
    stack = build(name)
    assert stack.template.parameters["TargetGroupArn"] == FromOutput("front", "TargetGroupArn")
    assert stack["Service"]["LoadBalancers"][0]["TargetGroupArn"] == ref("TargetGroupArn")


def test_scaling_follows_cpu_memory_and_requests_per_target() -> None:
    stack = build("prd")
    policies = {
        each["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"]: each[
            "TargetTrackingScalingPolicyConfiguration"
        ]
        for each in stack.of_type("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    }
    assert {metric: each["TargetValue"] for metric, each in policies.items()} == {
        "ECSServiceAverageCPUUtilization": 60,
        "ECSServiceAverageMemoryUtilization": 70,
        "ALBRequestCountPerTarget": 600,
    }
    label = policies["ALBRequestCountPerTarget"]["PredefinedMetricSpecification"]["ResourceLabel"]
    assert label == {"Fn::Join": ["/", [ref("LoadBalancerFullName"), ref("TargetGroupFullName")]]}


def test_the_scaling_target_names_the_service_and_takes_the_service_linked_role() -> None:
    target = build("prd")["ScalableTarget"]
    assert target["ResourceId"] == sub("service/${ClusterName}/${Service.Name}")
    assert target["ScalableDimension"] == "ecs:service:DesiredCount"
    assert "RoleARN" not in target


@pytest.mark.parametrize("name", NAMES)
def test_five_alarms_reach_the_topic(name: str) -> None:
    alarms = build(name).of_type("AWS::CloudWatch::Alarm")
    assert {
        "ServiceCpuHigh": "CPUUtilization",
        "ServiceMemoryHigh": "MemoryUtilization",
        "LoadBalancer5xx": "HTTPCode_ELB_5XX_Count",
        "Target5xx": "HTTPCode_Target_5XX_Count",
        "UnhealthyHosts": "UnHealthyHostCount",
    }.items() <= {name: each["MetricName"] for name, each in alarms.items()}.items()
    assert all(each["AlarmActions"] == [ref("AlarmTopicArn")] for each in alarms.values())


def test_it_comes_after_jobs_and_has_nothing_that_visitors_would_miss() -> None:
    stack = build("prd")
    assert {"jobs", "front"} <= set(stack.template.depends_on)
    assert {"ServiceName", "DatasetTaskDefinitionArn"} <= set(stack.outputs)
    lasting = ("AWS::ElasticLoadBalancingV2", "AWS::Route53", "AWS::CertificateManager", "AWS::WAFv2", "AWS::S3")
    assert not [name for name, each in stack.resources.items() if each["Type"].startswith(lasting)]


@pytest.mark.parametrize("name", NAMES)
def test_only_the_service_has_a_fixed_name(name: str) -> None:
    stack = build(name)
    assert stack["Service"]["ServiceName"] == f"{name}-salaries"
    fixed = {"Name", "RoleName", "QueueName", "BucketName", "AlarmName"}
    named = {
        identifier
        for identifier, resource in stack.resources.items()
        if fixed & set(resource["Properties"]) and resource["Type"] != "AWS::Route53::RecordSet"
    }
    assert named == set()
