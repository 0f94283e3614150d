"""The ECS service and its task: what serves the API and the dashboard."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Join, Ref, ecs

from opsctl.config import naming
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.network_inputs import private_subnets, public_subnets
from opsctl.stacks.parts.tasks import TaskSpec, task

# Longer than a cold start with its database checks; the default is 0, which kills tasks in a loop. [API]
HEALTH_GRACE_SECONDS = 120
# After the load balancer has let go of a task it has this long to finish its requests.
STOP_SECONDS = 45


def web_service(stack: StackBuilder) -> ecs.Service:
    """Add the task definition and the service. Output: ServiceName.

    No DesiredCount: on update, leaving it out keeps what autoscaling chose; setting it would reset that with every
    deploy. Cluster, ServiceName and SchedulingStrategy are create-only. [UG CFN Service; Schema]
    """
    env = stack.env
    definition = task(stack, _spec(stack)).definition
    service = stack.add(
        ecs.Service(
            "Service",
            Cluster=stack.output_of("platform", "ClusterName"),
            ServiceName=naming.service_name(env),
            TaskDefinition=Ref(definition),
            LaunchType="FARGATE",
            PlatformVersion="LATEST",
            SchedulingStrategy="REPLICA",
            AvailabilityZoneRebalancing="ENABLED",
            DeploymentConfiguration=_deployment(),
            NetworkConfiguration=_network(stack),
            LoadBalancers=[
                ecs.LoadBalancer(
                    ContainerName="service",
                    ContainerPort=env.ecs.container_port,
                    TargetGroupArn=stack.output_of("front", "TargetGroupArn"),
                )
            ],
            HealthCheckGracePeriodSeconds=HEALTH_GRACE_SECONDS,
            EnableECSManagedTags=True,
            EnableExecuteCommand=False,
            PropagateTags="SERVICE",
        )
    )
    stack.output("ServiceName", GetAtt(service, "Name"), "ECS service")
    return service


def _spec(stack: StackBuilder) -> TaskSpec:
    env = stack.env
    return TaskSpec(
        name="Service",
        container="service",
        command=("python", "manage.py", "serve"),
        cpu=env.ecs.cpu,
        memory=env.ecs.memory,
        database_user=env.rds.app_user,
        allowed_hosts=_hosts(stack),
        log_group="ServiceLogGroupName",
        log_mode="non-blocking",  # a slow CloudWatch must not stop the service from answering
        stop_timeout=STOP_SECONDS,
        environment={"PORT": str(env.ecs.container_port), "LOG_LEVEL": "INFO"},
        port=env.ecs.container_port,
        replica=env.rds.enable_replica,
    )


def _hosts(stack: StackBuilder) -> Any:
    """Names clients may use: the domain, else the load balancer's own; on a laptop a loopback name too."""
    if stack.env.target == "local":
        return Join(",", ["localhost", "127.0.0.1", stack.output_of("front", "LoadBalancerDnsName")])
    return stack.env.ecs.domain_name or stack.output_of("front", "LoadBalancerDnsName")


def _deployment() -> ecs.DeploymentConfiguration:
    """Rolling: a new task must be healthy before an old one goes. A release that isn't goes back to the last one;
    without the breaker it would hold the stack for hours.

    A deployment is done when all new tasks are healthy. The old ones are drained and end in the background, so that a
    release does not wait for the slowest of them. [UG ECS early-success-criteria]

    The breaker trips after failures of half the desired count, bounded to 3-200: three of them for a service of one
    task. ResetOnHealthyTask defaults to true, which lets a release that flaps start tasks for ever. Rebalancing between
    zones needs MaximumPercent above 100. [API DeploymentCircuitBreaker, ThresholdConfiguration, Service]
    """
    return ecs.DeploymentConfiguration(
        MinimumHealthyPercent=100,
        MaximumPercent=200,
        EarlySuccessCriteria=ecs.DeploymentEarlySuccessCriteria(
            Enable=True, HealthyPercent=100, SourceServiceRevisionCleanup="DEFERRED"
        ),
        DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(Enable=True, Rollback=True, ResetOnHealthyTask=False),
    )


def _network(stack: StackBuilder) -> ecs.NetworkConfiguration:
    public = stack.env.ecs.assign_public_ip
    return ecs.NetworkConfiguration(
        AwsvpcConfiguration=ecs.AwsvpcConfiguration(
            AssignPublicIp="ENABLED" if public else "DISABLED",
            # A public address works only where the route leads to the internet gateway.
            Subnets=public_subnets(stack) if public else private_subnets(stack),
            SecurityGroups=[stack.output_of("network", "ServiceSecurityGroupId")],
        )
    )
