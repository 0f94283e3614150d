"""A job, as the dataset refresh is one: its schedule may start its task alone, and leaves a trace when it can't."""

from __future__ import annotations

from typing import Any

import pytest

from opsctl.stacks import app
from tests.unit.stacks.reading import Stack, environment, ref, statements, sub


def build(name: str, **settings: Any) -> Stack:
    return Stack(app.build(environment(name, **settings)))


def rights(stack: Stack, role: str) -> dict[str, dict[str, Any]]:
    return statements(stack[role]["Policies"][0]["PolicyDocument"])


def test_it_starts_the_task_on_fargate_in_private_subnets() -> None:
    schedule = build("prd")["DatasetSchedule"]
    assert schedule["ScheduleExpression"] == "cron(15 4 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["Target"]["Arn"] == ref("ClusterArn")
    task = schedule["Target"]["EcsParameters"]
    assert task["TaskDefinitionArn"] == ref("DatasetTaskDefinition")
    assert task["LaunchType"] == "FARGATE"
    assert task["TaskCount"] == 1
    assert task["PropagateTags"] == "TASK_DEFINITION"
    # Scheduler takes a number or nothing: LATEST is refused.
    assert "PlatformVersion" not in task
    network = task["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert network["SecurityGroups"] == [ref("JobsSecurityGroupId")]


def test_its_role_passes_both_roles_of_the_task_to_ecs_and_nothing_else() -> None:
    stack = build("prd")
    given = rights(stack, "DatasetScheduleRole")
    assert given["PassTheTasksRoles"]["Resource"] == [
        {"Fn::GetAtt": ["DatasetExecutionRole", "Arn"]},
        {"Fn::GetAtt": ["DatasetTaskRole", "Arn"]},
    ]
    passed_to = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert given["PassTheTasksRoles"]["Condition"] == passed_to
    trusted = stack["DatasetScheduleRole"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert trusted["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trusted["Condition"] == {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}


def test_its_role_starts_this_family_on_this_cluster_and_tags_what_it_starts() -> None:
    stack = build("prd")
    given = rights(stack, "DatasetScheduleRole")
    family = stack["DatasetTaskDefinition"]["Family"]
    arn = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:"
    assert given["Start"]["Resource"] == sub(f"{arn}task-definition/{family}:*")
    assert given["Start"]["Condition"] == {"ArnEquals": {"ecs:cluster": ref("ClusterArn")}}
    assert given["TagWhatStarts"]["Resource"] == sub(f"{arn}task/${{ClusterName}}/*")


def test_a_start_that_fails_is_kept_and_raises_an_alarm() -> None:
    stack = build("prd")
    queue = {"Fn::GetAtt": ["DatasetScheduleFailures", "Arn"]}
    assert stack["DatasetSchedule"]["Target"]["DeadLetterConfig"] == {"Arn": queue}
    assert rights(stack, "DatasetScheduleRole")["KeepWhatFailed"]["Resource"] == queue
    assert stack["DatasetScheduleFailures"]["KmsMasterKeyId"] == "alias/aws/sqs"
    alarm = stack["DatasetScheduleFailed"]
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["Threshold"] == 0


@pytest.mark.parametrize("settings", [{"application__jobs__dataset__schedule": None}])
def test_without_a_schedule_the_task_remains_for_manual_refreshes(settings: dict[str, Any]) -> None:
    stack = build("prd", **settings)
    assert stack.of_type("AWS::Scheduler::Schedule") == {}
    assert stack.of_type("AWS::SQS::Queue") == {}
    assert "DatasetScheduleRole" not in stack.resources
    assert stack.outputs["DatasetTaskDefinitionArn"] == ref("DatasetTaskDefinition")


def test_a_bucket_is_used_by_the_processes_it_names_or_by_every_one() -> None:
    given = rights(build("dev"), "DatasetTaskRole")
    bucket = "arn:${AWS::Partition}:s3:::${DatasetBucketName}"
    assert given["ListDatasetBucket"]["Resource"] == sub(bucket)
    assert given["UseDatasetBucket"]["Resource"] == sub(f"{bucket}/*")
    assert set(given["UseDatasetBucket"]["Action"]) == {
        "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"
    }  # fmt: skip
    assert "UseKeyThroughS3" not in given
    assert "UseDatasetBucket" not in rights(build("dev"), "ServiceTaskRole")
    shared = build("dev", application__buckets__dataset__processes=None)
    assert "UseDatasetBucket" in rights(shared, "ServiceTaskRole")


def test_it_may_read_the_sources_of_others_that_are_listed_and_no_others() -> None:
    listed = rights(
        build("dev", application__jobs__dataset__reads=("open-data", "others/salaries/2026")), "DatasetTaskRole"
    )
    found = [sub(f"arn:${{AWS::Partition}}:s3:::{each}*") for each in ("open-data/", "others/salaries/2026")]
    assert (listed["ReadSources"]["Action"], listed["ReadSources"]["Resource"]) == ("s3:GetObject", found)
    assert "ReadSources" not in rights(build("dev"), "DatasetTaskRole")


def test_under_a_customer_key_it_may_use_the_key_through_s3() -> None:
    key = rights(build("prd"), "DatasetTaskRole")["UseKeyThroughS3"]
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": sub("s3.${AWS::Region}.${AWS::URLSuffix}")}}


def test_it_has_a_size_of_its_own() -> None:
    definition = build("prd")["DatasetTaskDefinition"]
    assert (definition["Cpu"], definition["Memory"]) == ("1024", "2048")


def test_it_looks_for_another_of_its_tasks_first_unless_they_may_overlap() -> None:
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
