"""How many tasks serve: between two counts, by CPU, memory and requests per target."""

from __future__ import annotations

from typing import Any

from troposphere import Join, Ref, Sub, ecs
from troposphere import applicationautoscaling as scaling

from opsctl.stacks.parts.base import StackBuilder, named

SCALE_OUT_SECONDS = 60
SCALE_IN_SECONDS = 300


def autoscaling(stack: StackBuilder, service: ecs.Service) -> None:
    """Add the scalable target and its three policies. Each only raises what the others want: the highest wins.

    The target's id names the service by GetAtt, so it comes after the service. No RoleARN: the service-linked role is
    used whatever stands there. [API RegisterScalableTarget]
    """
    cluster = named(stack.output_of("platform", "ClusterName"))
    web = stack.env.application.web
    target = stack.add(
        scaling.ScalableTarget(
            "ScalableTarget",
            ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount",
            ResourceId=Sub(f"service/{cluster}/${{{service.title}.Name}}"),
            MinCapacity=web.count[0],
            MaxCapacity=web.count[1],
        )
    )
    track(stack, target, "CpuScaling", "ECSServiceAverageCPUUtilization", web.cpu_target)
    track(stack, target, "MemoryScaling", "ECSServiceAverageMemoryUtilization", web.memory_target)
    # The full names of load balancer and target group. [API PredefinedMetricSpecification]
    label = Join(
        "/", [stack.output_of("front", "LoadBalancerFullName"), stack.output_of("front", "TargetGroupFullName")]
    )
    track(stack, target, "RequestScaling", "ALBRequestCountPerTarget", web.requests_target, label)


def track(
    stack: StackBuilder, target: scaling.ScalableTarget, name: str, metric: str, value: int, label: Any = None
) -> None:
    """Add a policy that keeps `metric` at `value` on average."""
    predefined = scaling.PredefinedMetricSpecification(PredefinedMetricType=metric)
    if label is not None:
        predefined.ResourceLabel = label
    stack.add(
        scaling.ScalingPolicy(
            name,
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            ScalingTargetId=Ref(target),
            TargetTrackingScalingPolicyConfiguration=scaling.TargetTrackingScalingPolicyConfiguration(
                PredefinedMetricSpecification=predefined,
                TargetValue=value,
                ScaleOutCooldown=SCALE_OUT_SECONDS,
                ScaleInCooldown=SCALE_IN_SECONDS,
            ),
        )
    )
