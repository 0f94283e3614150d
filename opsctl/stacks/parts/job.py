"""A job of the application: a one-off task, and the schedule that starts it."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, iam, scheduler, sqs

from opsctl.config import naming
from opsctl.config.application import Job
from opsctl.config.schedule import expression
from opsctl.stacks.parts.alarms import alarm
from opsctl.stacks.parts.base import StackBuilder, arn, named
from opsctl.stacks.parts.network_inputs import private_subnets
from opsctl.stacks.parts.policies import SAME_ACCOUNT, allow, document, trust
from opsctl.stacks.parts.queues import dead_letter_queue, may_send
from opsctl.stacks.parts.tasks import TaskParts, task


def job(stack: StackBuilder, name: str) -> None:
    """Add its task, and its schedule if it has one. Output: `<Name>TaskDefinitionArn`."""
    block = stack.env.application.jobs[name]
    made = task(stack, name)
    stack.output(f"{naming.part_id(name)}TaskDefinitionArn", Ref(made.definition), f"Task definition of the job {name}")
    if block.schedule is not None:
        _schedule(stack, name, block, made)


def _schedule(stack: StackBuilder, name: str, block: Job, made: TaskParts) -> None:
    """Start the task by the job's schedule. A start that fails leaves one trace only, the dead-letter queue, so a
    message in it is an alarm. Named by CloudFormation: Name is create-only. [API Scheduler; Schema]
    """
    title = naming.part_id(name)
    missed = dead_letter_queue(stack, f"{title}ScheduleFailures")
    network = scheduler.AwsVpcConfiguration(
        Subnets=private_subnets(stack),
        SecurityGroups=[stack.output_of("network", "JobsSecurityGroupId")],
        AssignPublicIp="DISABLED",
    )
    target = scheduler.Target(
        Arn=stack.output_of("platform", "ClusterArn"),  # the cluster, not the task definition [API]
        RoleArn=GetAtt(_role(stack, name, made, missed), "Arn"),
        EcsParameters=scheduler.EcsParameters(
            TaskDefinitionArn=Ref(made.definition),
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
            f"{title}Schedule",
            Description=f"Starts the job {name} of {stack.env.service} in {stack.env.name}",
            ScheduleExpression=expression(block.schedule or ""),
            ScheduleExpressionTimezone=block.timezone,
            FlexibleTimeWindow=scheduler.FlexibleTimeWindow(Mode="OFF"),
            State="ENABLED",
            Target=target,
        )
    )
    _alarm(stack, name, missed)


def _role(stack: StackBuilder, name: str, made: TaskParts, missed: sqs.Queue) -> iam.Role:
    """A missing PassRole, on either of the task's roles, would fail at run time only. [UG ECS EventBridge role]"""
    cluster = named(stack.output_of("platform", "ClusterName"))
    on_cluster: dict[str, Any] = {"ArnEquals": {"ecs:cluster": stack.output_of("platform", "ClusterArn")}}
    statements = [
        # Any revision: the schedule and this policy change one after the other when a release brings a new one.
        allow("Start", "ecs:RunTask", arn("ecs", f"task-definition/{made.family}:*"), condition=on_cluster),
        allow(
            "TagWhatStarts",
            "ecs:TagResource",
            arn("ecs", f"task/{cluster}/*"),
            condition={"StringEquals": {"ecs:CreateAction": "RunTask"}},
        ),
        allow(
            "PassTheTasksRoles",
            "iam:PassRole",
            [GetAtt(made.execution_role, "Arn"), GetAtt(made.task_role, "Arn")],
            condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
        may_send(GetAtt(missed, "Arn")),
    ]
    return stack.add(
        iam.Role(
            f"{naming.part_id(name)}ScheduleRole",
            Description=f"Starts the job {name} of {stack.env.service} in {stack.env.name}",
            AssumeRolePolicyDocument=trust("scheduler.amazonaws.com", condition=SAME_ACCOUNT),
            Policies=[iam.Policy(PolicyName="start", PolicyDocument=document(*statements))],
        )
    )


def _alarm(stack: StackBuilder, name: str, missed: sqs.Queue) -> None:
    alarm(
        stack,
        f"{naming.part_id(name)}ScheduleFailed",
        description=f"The job {name} could not be started by its schedule. The message in the queue says why.",
        namespace="AWS/SQS",
        metric="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": GetAtt(missed, "QueueName")},
        statistic="Maximum",
        threshold=0,
        periods=1,
    )
