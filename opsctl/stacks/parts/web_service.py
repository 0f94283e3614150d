"""The ECS service and its task: what answers visitors."""

from __future__ import annotations

from troposphere import GetAtt, Ref, ecs

from opsctl.config import naming
from opsctl.stacks.model import rollout_key
from opsctl.stacks.parts.base import StackBuilder
from opsctl.stacks.parts.network_inputs import private_subnets, public_subnets
from opsctl.stacks.parts.tasks import rollout_parameter, task


def web_service(stack: StackBuilder) -> ecs.Service:
    """Add the task definition and the service. Output: ServiceName.

    No DesiredCount: on update, leaving it out keeps what autoscaling chose; setting it would reset that with every
    deploy. Cluster, ServiceName and SchedulingStrategy are create-only. [UG CFN Service; Schema]
    """
    env = stack.env
    web = env.application.web
    definition = task(stack, "web").definition
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
            DeploymentConfiguration=rolling(),
            NetworkConfiguration=task_network(stack, "ServiceSecurityGroupId"),
            LoadBalancers=[
                ecs.LoadBalancer(
                    ContainerName="service",
                    ContainerPort=web.port,
                    TargetGroupArn=stack.output_of("front", "TargetGroupArn"),
                )
            ],
            HealthCheckGracePeriodSeconds=web.health.grace,
            EnableECSManagedTags=True,
            EnableExecuteCommand=False,
            PropagateTags="SERVICE",
            ForceNewDeployment=new_deployment(stack, "web"),
        )
    )
    stack.output("ServiceName", GetAtt(service, "Name"), "ECS service")
    return service


def rolling() -> ecs.DeploymentConfiguration:
    """Rolling: a new task must be healthy before an old one goes. A release that isn't goes back to the last one;
    without the breaker it would hold the stack for hours.

    A deployment is done when all new tasks are healthy. The old ones are drained and end in the background, so that a
    release does not wait for the slowest of them. [UG ECS early-success-criteria] No alarms take part: they would
    need a bake time.

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


def new_deployment(stack: StackBuilder, process: str) -> ecs.ForceNewDeployment:
    """What starts new tasks of the same definition: a restart, or a secret's new version, which tasks read when they
    start. It goes through CloudFormation, so that the stack still says what is deployed. [Schema]
    """
    nonce = stack.context(
        rollout_parameter(process),
        rollout_key(process),
        f"Changes when {process} shall start its tasks anew",
        Default="1",
    )
    return ecs.ForceNewDeployment(EnableForceNewDeployment=True, ForceNewDeploymentNonce=nonce)


def task_network(stack: StackBuilder, group: str) -> ecs.NetworkConfiguration:
    public = stack.env.ecs.assign_public_ip
    return ecs.NetworkConfiguration(
        AwsvpcConfiguration=ecs.AwsvpcConfiguration(
            AssignPublicIp="ENABLED" if public else "DISABLED",
            # A public address works only where the route leads to the internet gateway.
            Subnets=public_subnets(stack) if public else private_subnets(stack),
            SecurityGroups=[stack.output_of("network", group)],
        )
    )
