"""Reading what is deployed, for commands that change nothing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from opsctl.deploy.planning.holdings import is_opsctls
from opsctl.deploy.planning.state import RemoteState, read_state
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opsctl.aws.cloudformation import CloudFormation, Stack
    from opsctl.operate.target import Target


# Outputs that are addresses: the output that has the name in them, and its port.
_ADDRESSES = {"ServiceUrl": ("LoadBalancerDnsName", 80), "SiteUrl": ("DistributionDomainName", 443)}


def state_of(target: Target, *, bodies: bool = False) -> RemoteState:
    """The environment's stacks as they are deployed, unwanted ones too; with their templates only if asked."""
    stacks = (*target.templates, *target.unwanted)
    readers: dict[str, CloudFormation] = {
        template.stack: target.aws.in_region(template.region).cloudformation for template in stacks
    }
    return read_state(stacks, readers, bodies=bodies)


def removable_state_of(target: Target, *, bodies: bool = False) -> RemoteState:
    """The same for a removal; of an environment that no file names, only the stacks that opsctl made."""
    state = state_of(target, bodies=bodies)
    return opsctls(state) if target.from_account else state


def deleted_stacks(target: Target) -> list[tuple[str, Stack]]:
    """Stacks of the environment that were deleted within the last 90 days, by short name; `updated` is when.

    Some may be there again. Raises AwsError.
    """
    names = {
        (template.region or target.env.region, template.physical_name): template.stack
        for template in (*target.templates, *target.unwanted)
        if template.stack != "bootstrap"
    }
    return [
        (name, stack)
        for region in sorted({region for region, _name in names})
        for stack in target.aws.in_region(region).cloudformation.deleted()
        if (name := names.get((region, stack.name))) is not None
    ]


def opsctls(state: RemoteState) -> RemoteState:
    """The stacks that opsctl made: where no file says what an environment has, a name alone does not make a stack part
    of it.
    """
    own = {name: stack for name, stack in state.stacks.items() if name == "bootstrap" or is_opsctls(stack)}
    others = (stack for name, stack in state.stacks.items() if name not in own)
    return replace(state, stacks=own, others=(*state.others, *others))


def stack_outputs(target: Target) -> dict[str, dict[str, str]]:
    """Outputs by stack, of the stacks that exist; on this machine with addresses that answer here."""
    found = {name: dict(stack.outputs) for name, stack in state_of(target).stacks.items()}
    if target.is_local:
        for values in found.values():
            for name, (domain, port) in _ADDRESSES.items():
                if name in values and domain in values:
                    with suppress(OpsctlError):  # no listener is open: then it answers nowhere
                        values[name] = target.local.service_url(values[domain], port)
    return found


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
    """The web's address; on this machine the loopback port that stands for the load balancer. "" without one."""
    name = front.get("LoadBalancerDnsName", "")
    return target.local.service_url(name) if target.is_local and name else front.get("ServiceUrl", "")
