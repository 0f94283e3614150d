"""A worker of the application: an ECS service without a load balancer."""

from __future__ import annotations

from troposphere import GetAtt, Ref, Sub, ecs
from troposphere import applicationautoscaling as scaling

from opsctl.config import naming
from opsctl.config.application import Worker
from opsctl.stacks.parts.alarms import alarm
from opsctl.stacks.parts.base import StackBuilder, named
from opsctl.stacks.parts.scaling import track
from opsctl.stacks.parts.tasks import task
from opsctl.stacks.parts.web_service import new_deployment, rolling, task_network


def worker(stack: StackBuilder, name: str) -> None:
    """Add its task and its service, its alarm, and what scales it by CPU when it has more than one count."""
    block = stack.env.application.workers[name]
    title = naming.part_id(name)
    definition = task(stack, name).definition
    low, high = block.count
    service = ecs.Service(
        naming.worker_service_id(name),
        Cluster=stack.output_of("platform", "ClusterName"),
        ServiceName=naming.worker_name(stack.env, name),
        TaskDefinition=Ref(definition),
        LaunchType="FARGATE",
        PlatformVersion="LATEST",
        SchedulingStrategy="REPLICA",
        AvailabilityZoneRebalancing="DISABLED" if block.singleton else "ENABLED",
        DeploymentConfiguration=_one_at_a_time() if block.singleton else rolling(),
        NetworkConfiguration=task_network(stack, "JobsSecurityGroupId"),
        EnableECSManagedTags=True,
        EnableExecuteCommand=False,
        PropagateTags="SERVICE",
        ForceNewDeployment=new_deployment(stack, name),
    )
    if low == high:
        service.DesiredCount = low
    stack.add(service)
    if low != high:
        _scale(stack, title, block, service)
    if low:  # with 0 as the lowest count nothing is missing when none runs
        _alarm(stack, name, low, service)


def _alarm(stack: StackBuilder, name: str, low: int, service: ecs.Service) -> None:
    """Tell of a worker whose tasks are not there, or end again and again: no visitor would notice.

    ECS sends a sample of each running task every minute, so their number is that of the tasks, and none at all comes of
    a service without one. ECS's page of metrics says so no more; AWS's own users count tasks this way, in periods of a
    minute. [archived ECS developer guide, service RUNNING task count; aws/containers-roadmap 2718]

    A release of a `singleton` is without a task for as long as the old one may take to end (`stop_timeout`, two minutes
    at most), the new one to start, and its first sample to come: with the latest minutes, whose samples are yet to
    come, less than eight.
    """
    tasks = "no task" if low == 1 else f"fewer than {low} tasks"
    alarm(
        stack,
        f"{naming.part_id(name)}TasksMissing",
        description=f"The worker {name} had {tasks} in eight of fifteen minutes. Look at its log and the ECS events.",
        namespace="AWS/ECS",
        metric="CPUUtilization",
        dimensions={"ClusterName": stack.output_of("platform", "ClusterName"), "ServiceName": GetAtt(service, "Name")},
        statistic="SampleCount",
        threshold=low,
        comparison="LessThanThreshold",
        period=60,
        periods=8,
        within=15,
        missing="breaching",
        filled=True,
    )


def _one_at_a_time() -> ecs.DeploymentConfiguration:
    """The old task ends before the new one starts. Rebalancing between zones would start a second one, and needs a
    MaximumPercent above 100. [API DeploymentConfiguration, Service]
    """
    return ecs.DeploymentConfiguration(
        MinimumHealthyPercent=0,
        MaximumPercent=100,
        DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(Enable=True, Rollback=True, ResetOnHealthyTask=False),
    )


def _scale(stack: StackBuilder, title: str, block: Worker, service: ecs.Service) -> None:
    cluster = named(stack.output_of("platform", "ClusterName"))
    target = stack.add(
        scaling.ScalableTarget(
            f"{title}ScalableTarget",
            ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount",
            ResourceId=Sub(f"service/{cluster}/${{{service.title}.Name}}"),
            MinCapacity=block.count[0],
            MaxCapacity=block.count[1],
        )
    )
    track(stack, target, f"{title}CpuScaling", "ECSServiceAverageCPUUtilization", block.cpu_target)
