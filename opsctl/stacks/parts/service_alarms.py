"""What wakes someone: the web short of CPU or memory, errors seen by clients, tasks that fail their checks."""

from __future__ import annotations

from troposphere import GetAtt, ecs

from opsctl.config.application import HEALTH_PATH
from opsctl.stacks.parts.alarms import alarm
from opsctl.stacks.parts.base import StackBuilder

BUSY_PERCENT = 85
ERRORS_PER_PERIOD = 10


def service_alarms(stack: StackBuilder, service: ecs.Service) -> None:
    """Add the five alarms. Scaling aims well below BUSY_PERCENT: above it for 15 minutes, scaling does not help."""
    dimensions = {"ClusterName": stack.output_of("platform", "ClusterName"), "ServiceName": GetAtt(service, "Name")}
    for name, metric in (("ServiceCpuHigh", "CPUUtilization"), ("ServiceMemoryHigh", "MemoryUtilization")):
        alarm(
            stack,
            name,
            description=f"Tasks above {BUSY_PERCENT} % ({metric}). Look at web.count and the newest release.",
            namespace="AWS/ECS",
            metric=metric,
            dimensions=dimensions,
            threshold=BUSY_PERCENT,
        )
    path = stack.env.application.web.health.path or HEALTH_PATH
    front = {"LoadBalancer": stack.output_of("front", "LoadBalancerFullName")}
    behind = {**front, "TargetGroup": stack.output_of("front", "TargetGroupFullName")}
    _errors(stack, "LoadBalancer5xx", "HTTPCode_ELB_5XX_Count", front, "No task answered. Look at the ECS events.")
    _errors(stack, "Target5xx", "HTTPCode_Target_5XX_Count", behind, "The service fails. Look at its log.")
    alarm(
        stack,
        "UnhealthyHosts",
        description=f"A task fails its health check on {path}. Look at its log and the ECS events.",
        namespace="AWS/ApplicationELB",
        metric="UnHealthyHostCount",
        dimensions=behind,
        statistic="Maximum",
        threshold=0,
        period=60,
        periods=5,
    )


def _errors(stack: StackBuilder, name: str, metric: str, dimensions: dict[str, object], advice: str) -> None:
    alarm(
        stack,
        name,
        description=f"More than {ERRORS_PER_PERIOD} answers 5xx in five minutes. {advice}",
        namespace="AWS/ApplicationELB",
        metric=metric,
        dimensions=dimensions,
        statistic="Sum",
        threshold=ERRORS_PER_PERIOD,
        periods=1,
    )
