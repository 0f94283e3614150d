"""Reading what is deployed, for commands that change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opsctl.deploy.planning.state import RemoteState, read_state
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opsctl.aws.cloudformation import CloudFormation
    from opsctl.operate.target import Target


# What `status` says of a stack that a deploy leaves alone because the configuration does not ask for it.
UNWANTED = "nothing: it is not configured any more"


def state_of(target: Target, *, bodies: bool = False) -> RemoteState:
    """The environment's stacks as they are deployed, unwanted ones too; with their templates only if asked."""
    stacks = (*target.templates, *target.unwanted)
    readers: dict[str, CloudFormation] = {
        template.stack: target.aws.in_region(template.region).cloudformation for template in stacks
    }
    return read_state(stacks, readers, bodies=bodies)


def stack_outputs(target: Target) -> dict[str, dict[str, str]]:
    """Outputs by stack, of the stacks that exist."""
    return {name: dict(stack.outputs) for name, stack in state_of(target).stacks.items()}


def require_outputs(target: Target, state: RemoteState, stack: str, *names: str) -> Mapping[str, str]:
    """Outputs of a stack that have to be there. Raises with the command that makes them."""
    found = state.outputs(stack)
    missing = [name for name in names if not found.get(name)]
    if missing:
        raise OpsctlError(
            f"The {stack} stack of {target.env.name} is not deployed, or has no output {missing[0]}.",
            code="not-deployed",
            hint=f"Run `opsctl deploy --env {target.env.name}`.",
        )
    return found


def service_url(target: Target, front: Mapping[str, str]) -> str:
    """The service's address; on this machine the loopback port that stands for the load balancer. "" without one."""
    name = front.get("LoadBalancerDnsName", "")
    return target.local.service_url(name) if target.is_local and name else front.get("ServiceUrl", "")


def environment_status(target: Target) -> dict[str, Any]:
    """Stacks with their statuses, the service's counts, the newest release and the lock."""
    from dataclasses import asdict

    from opsctl.deploy import release
    from opsctl.deploy.lease import read_lease
    from opsctl.deploy.planning.statuses import action_for

    state = state_of(target)
    stacks = [
        {
            "stack": template.stack,
            "name": template.physical_name,
            "status": stack.status if (stack := state.stacks.get(template.stack)) else "absent",
            "reason": stack.reason if stack else "",
            "updated": stack.updated.isoformat() if stack and stack.updated else "",
            "next_deploy": action_for(stack.status).value if stack else "create",
        }
        for template in target.templates
    ]
    stacks += [
        {
            "stack": template.stack,
            "name": stack.name,
            "status": stack.status,
            "reason": "not configured any more: `opsctl destroy --only-unwanted` removes it",
            "updated": stack.updated.isoformat() if stack.updated else "",
            "next_deploy": UNWANTED,
        }
        for template in target.unwanted
        if (stack := state.stacks.get(template.stack))
    ]
    bucket = state.outputs("bootstrap").get("ArtifactBucketName")
    current = release.current(target.aws.s3, bucket, target.env) if bucket else None
    lease = read_lease(target.aws.s3, bucket, target.env) if bucket else None
    cluster, name = state.outputs("platform").get("ClusterName"), state.outputs("app").get("ServiceName")
    service = target.aws.ecs.service(cluster, name) if cluster and name else None
    return {
        "environment": target.env.name,
        "stacks": stacks,
        "service": asdict(service) if service else None,
        "release": current.summary() if current else None,
        "lock": asdict(lease) if lease else None,
        "url": service_url(target, state.outputs("front")),
    }
