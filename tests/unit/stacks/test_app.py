"""The app stack: which images its tasks run and on what, whose buckets they use, and that it holds nothing lasting."""

from __future__ import annotations

import re
from typing import Any

import pytest

from opsctl.stacks import app, functions
from tests.unit.stacks.reading import Stack, environment, ref, statements, sub


def build(name: str, **settings: Any) -> Stack:
    return Stack(app.build(environment(name, **settings)))


def rights(stack: Stack, role: str) -> dict[str, dict[str, Any]]:
    return statements(stack[role]["Policies"][0]["PolicyDocument"])


@pytest.mark.parametrize(
    ("uri", "accepted"),
    [
        (f"123456789012.dkr.ecr.us-east-1.amazonaws.com/salaries@sha256:{'0a' * 32}", True),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/salaries:latest", False),
        (f"salaries@sha256:{'0a' * 31}", False),
    ],
)
def test_images_run_by_digest_only(uri: str, accepted: bool) -> None:
    pattern = build("prd").document["Parameters"]["ImageUri"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, uri)) is accepted


def test_tasks_and_the_function_run_on_the_configured_processor() -> None:
    env = environment("dev", ecs__cpu_architecture="ARM64")
    definition = Stack(app.build(env))["ServiceTaskDefinition"]
    assert definition["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}
    assert Stack(functions.build(env))["DbInitFunction"]["Architectures"] == ["arm64"]


def test_without_a_schedule_a_jobs_task_remains_to_be_started_by_hand() -> None:
    stack = build("prd", application__jobs__dataset__schedule=None)
    assert stack.of_type("AWS::Scheduler::Schedule") == {}
    assert stack.of_type("AWS::SQS::Queue") == {}
    assert "DatasetScheduleRole" not in stack.resources
    assert stack.outputs["DatasetTaskDefinitionArn"] == ref("DatasetTaskDefinition")


def test_a_bucket_is_used_by_the_processes_it_names_or_by_every_one() -> None:
    named, shared = build("dev"), build("dev", application__buckets__dataset__processes=None)
    for role in ("DatasetTaskRole", "ServiceTaskRole"):
        used = "UseDatasetBucket" in rights(named, role), "UseDatasetBucket" in rights(shared, role)
        assert used == (role == "DatasetTaskRole", True)


def test_a_job_may_read_the_sources_of_others_that_are_listed_and_no_others() -> None:
    listed = build("dev", application__jobs__dataset__reads=("open-data", "others/salaries/2026"))
    read = rights(listed, "DatasetTaskRole")["ReadSources"]
    found = [sub(f"arn:${{AWS::Partition}}:s3:::{each}*") for each in ("open-data/", "others/salaries/2026")]
    assert (read["Action"], read["Resource"]) == ("s3:GetObject", found)


def test_a_job_looks_for_another_of_its_tasks_first_unless_they_may_overlap() -> None:
    stack = build("prd", application__jobs__dataset__overlap=False)
    container = stack["DatasetTaskDefinition"]["ContainerDefinitions"][0]
    assert container["Command"][:2] == ["python", "/opt/opsctl/start.py"]
    assert {"Name": "OPSCTL_ALONE", "Value": "1"} in container["Environment"]
    given = rights(stack, "DatasetTaskRole")
    on_cluster = {"ArnEquals": {"ecs:cluster": ref("ClusterArn")}}
    assert (given["ListTasks"]["Action"], given["ListTasks"]["Resource"]) == ("ecs:ListTasks", "*")
    assert given["SeeTasks"]["Action"] == "ecs:DescribeTasks"
    assert given["ListTasks"]["Condition"] == given["SeeTasks"]["Condition"] == on_cluster
    before = build("prd")
    assert before["DatasetTaskDefinition"]["ContainerDefinitions"][0]["Command"][0] == "python"
    assert "ListTasks" not in rights(before, "DatasetTaskRole")


def test_a_public_address_comes_with_public_subnets() -> None:
    network = build("dev", ecs__assign_public_ip=True)["Service"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "ENABLED"
    assert network["Subnets"] == {"Fn::Split": [",", ref("PublicSubnetIds")]}


def test_it_has_nothing_that_visitors_would_miss() -> None:
    lasting = ("AWS::ElasticLoadBalancingV2", "AWS::Route53", "AWS::CertificateManager", "AWS::WAFv2", "AWS::S3")
    assert not [name for name, each in build("prd").resources.items() if each["Type"].startswith(lasting)]
