"""The dataset refresh: a task that syncs, fetches, builds and loads, and the schedule that starts it."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub, iam, scheduler, sqs

from opsctl.stacks.parts.alarms import alarm
from opsctl.stacks.parts.base import StackBuilder, arn
from opsctl.stacks.parts.network_inputs import private_subnets
from opsctl.stacks.parts.policies import SAME_ACCOUNT, Statement, allow, document, objects_in, trust
from opsctl.stacks.parts.queues import dead_letter_queue, may_send
from opsctl.stacks.parts.tasks import Task, TaskSpec, task, use_data_key

# The smallest that loads a million rows: the engine works out of core, and wants some memory to do it in.
LEAST_CPU, LEAST_MEMORY = 512, 1024
# Abort: a large upload that fails cleans up after itself.
WRITE = ["s3:AbortMultipartUpload", "s3:PutObject"]
SYNC = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]


def dataset_task(stack: StackBuilder) -> Task:
    """Add the task. Output: DatasetTaskDefinitionArn."""
    env = stack.env
    large_enough = env.ecs.cpu >= LEAST_CPU
    refresh = task(
        stack,
        TaskSpec(
            name="Dataset",
            container="dataset",
            command=("python", "manage.py", "refresh_salary_dataset"),
            cpu=env.ecs.cpu if large_enough else LEAST_CPU,
            memory=env.ecs.memory if large_enough else LEAST_MEMORY,
            database_user=env.rds.roles.loader,
            allowed_hosts="localhost",  # it answers nobody
            log_group="JobsLogGroupName",
            log_mode="blocking",
            stop_timeout=120,  # the most that Fargate gives: a load in its last seconds may finish [API]
            environment={"DATASET_BUCKET": stack.output_of("platform", "DatasetBucketName")},
            statements=_dataset_rights(stack),
            scratch=True,
        ),
    )
    stack.output("DatasetTaskDefinitionArn", Ref(refresh.definition), "Task definition of the dataset refresh")
    return refresh


def schedule(stack: StackBuilder, refresh: Task, expression: str) -> None:
    """Start the task by `expression` (UTC). A start that fails leaves one trace only, the dead-letter queue, so a
    message in it is an alarm. Named by CloudFormation: Name is create-only. [API Scheduler; Schema]
    """
    missed = dead_letter_queue(stack, "DatasetScheduleFailures")
    network = scheduler.AwsVpcConfiguration(
        Subnets=private_subnets(stack),
        SecurityGroups=[stack.output_of("network", "JobsSecurityGroupId")],
        AssignPublicIp="DISABLED",
    )
    target = scheduler.Target(
        Arn=stack.output_of("platform", "ClusterArn"),  # the cluster, not the task definition [API]
        RoleArn=GetAtt(_role(stack, refresh, missed), "Arn"),
        EcsParameters=scheduler.EcsParameters(
            TaskDefinitionArn=Ref(refresh.definition),
            LaunchType="FARGATE",
            # No PlatformVersion: Scheduler takes numbers only, and left out it means LATEST. [API EcsParameters]
            TaskCount=1,
            PropagateTags="TASK_DEFINITION",  # the only value there is [API]
            EnableExecuteCommand=False,
            NetworkConfiguration=scheduler.NetworkConfiguration(AwsvpcConfiguration=network),
        ),
        RetryPolicy=scheduler.RetryPolicy(MaximumEventAgeInSeconds=3600, MaximumRetryAttempts=3),
        DeadLetterConfig=scheduler.DeadLetterConfig(Arn=GetAtt(missed, "Arn")),
    )
    stack.add(
        scheduler.Schedule(
            "DatasetSchedule",
            Description=f"Refreshes the salary dataset of {stack.env.service} in {stack.env.name}",
            ScheduleExpression=expression,
            ScheduleExpressionTimezone="UTC",
            FlexibleTimeWindow=scheduler.FlexibleTimeWindow(Mode="OFF"),
            State="ENABLED",
            Target=target,
        )
    )
    _alarm(stack, missed)


def _dataset_rights(stack: StackBuilder) -> tuple[Statement, ...]:
    """Raw files and fetch state live under raw/; an exported dashboard is put under dashboard/, for opsctl to take from
    there. No delete: what was fetched once stays.
    """
    stack.output_of("platform", "DatasetBucketName")
    bucket = "arn:${AWS::Partition}:s3:::${DatasetBucketName}"
    listing = {"StringLike": {"s3:prefix": ["raw/*"]}}
    rights = [
        allow("ListRawFiles", "s3:ListBucket", Sub(bucket), condition=listing),
        allow("SyncRawFiles", SYNC, Sub(f"{bucket}/raw/*")),
        allow("HandOverDashboard", WRITE, Sub(f"{bucket}/dashboard/*")),
    ]
    if stack.env.ecs.dataset_sources:
        rights.append(allow("ReadSources", "s3:GetObject", objects_in(stack.env.ecs.dataset_sources)))
    if stack.env.security.customer_managed_keys:
        rights.append(use_data_key(stack, "s3", "kms:Decrypt", "kms:GenerateDataKey"))
    return tuple(rights)


def _role(stack: StackBuilder, refresh: Task, missed: sqs.Queue) -> iam.Role:
    """A missing PassRole, on either of the task's roles, would fail at run time only. [UG ECS EventBridge role]"""
    stack.output_of("platform", "ClusterName")
    on_cluster: dict[str, Any] = {"ArnEquals": {"ecs:cluster": stack.output_of("platform", "ClusterArn")}}
    statements = [
        # Any revision: the schedule and this policy change one after the other when a release brings a new one.
        allow("Start", "ecs:RunTask", arn("ecs", f"task-definition/{refresh.family}:*"), condition=on_cluster),
        allow(
            "TagWhatStarts",
            "ecs:TagResource",
            arn("ecs", "task/${ClusterName}/*"),
            condition={"StringEquals": {"ecs:CreateAction": "RunTask"}},
        ),
        allow(
            "PassTheTasksRoles",
            "iam:PassRole",
            [GetAtt(refresh.execution_role, "Arn"), GetAtt(refresh.task_role, "Arn")],
            condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
        may_send(GetAtt(missed, "Arn")),
    ]
    return stack.add(
        iam.Role(
            "DatasetScheduleRole",
            Description=f"Starts the dataset refresh of {stack.env.service} in {stack.env.name}",
            AssumeRolePolicyDocument=trust("scheduler.amazonaws.com", condition=SAME_ACCOUNT),
            Policies=[iam.Policy(PolicyName="start", PolicyDocument=document(*statements))],
        )
    )


def _alarm(stack: StackBuilder, missed: sqs.Queue) -> None:
    alarm(
        stack,
        "DatasetScheduleFailed",
        description="The scheduled dataset refresh could not be started. The message in the queue says why.",
        namespace="AWS/SQS",
        metric="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": GetAtt(missed, "QueueName")},
        statistic="Maximum",
        threshold=0,
        periods=1,
    )
