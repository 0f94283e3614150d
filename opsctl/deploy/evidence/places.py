"""Where AWS keeps the evidence about a service or a custom resource of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.config import naming

if TYPE_CHECKING:
    from opsctl.config.models import Environment
    from opsctl.deploy.events import ResourceChanged
    from opsctl.deploy.planning.state import RemoteState

SERVICE = "AWS::ECS::Service"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the evidence about one resource lies; "" for what it has not.

    `container`: name of the container, after which its log streams are called; `group` its log group.
    """

    group: str
    cluster: str = ""
    service: str = ""
    container: str = ""
    targets: str = ""


def place_of(event: ResourceChanged, env: Environment, state: RemoteState) -> Place | None:
    """The place of an event's resource, of which the platform's outputs tell; None where there is none yet."""
    platform = state.outputs("platform")
    if event.resource_type != SERVICE:
        group = platform.get("FunctionLogGroupName", "")
        return Place(group) if group else None
    # By its logical id: the event of a failed create may not name it yet.
    workers = env.application.workers
    worker = next((name for name in workers if event.logical_id == naming.worker_service_id(name)), None)
    return Place(
        platform.get("WorkersLogGroupName" if worker else "ServiceLogGroupName", ""),
        platform.get("ClusterName", ""),
        naming.worker_name(env, worker) if worker else naming.service_name(env),
        worker or "service",
        "" if worker else state.outputs("front").get("TargetGroupArn", ""),
    )
