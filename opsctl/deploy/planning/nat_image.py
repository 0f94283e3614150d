"""Which image the NAT instance has, and whether a deploy makes another instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from opsctl.deploy.planning import compare, planner
from opsctl.deploy.planning.statuses import Action, action_for

if TYPE_CHECKING:
    from opsctl.aws.session import Aws
    from opsctl.config.models import Environment
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.stacks.model import StackTemplate

_INSTANCE = "AWS::EC2::Instance"


def choose(
    env: Environment, aws: Aws, state: RemoteState, egress: StackTemplate, *, refresh: bool
) -> tuple[str, list[str]]:
    """The image of the instance that runs; the newest when one is made anyhow, when that is asked for (`refresh`), or
    when that image is gone, which the notes say.

    CloudFormation looks an image parameter up in the account before it updates anything of the stack, so an image
    that Amazon withdrew would end every update of the stack. [UG CFN, AWS-specific parameter types]
    """
    newest, wanted = aws.parameters.amazon_linux_image, architecture(env.nat.instance_type)
    stack = state.stacks.get("egress")
    kept = stack.parameters.get("NatImageId") if stack is not None else None
    if stack is None or kept is None or refresh:
        return newest(wanted), []
    if makes_instance(stack.status, state.bodies.get("egress", ""), egress.body):
        return newest(wanted), []
    changes = planner.plan_stack(egress, state, {"nat_image_id": kept}).is_change
    if not changes or aws.account.image_fits(kept, wanted):
        return kept, []
    found = newest(wanted)
    return found, [
        f"Amazon has withdrawn {kept}, the image of the NAT instance, or it is not for {wanted}; CloudFormation "
        f"updates no stack with it: this deploy replaces the instance by one of {found}, so connections through it "
        "break once."
    ]


def architecture(instance_type: str) -> Literal["arm64", "x86_64"]:
    """What an image must be made for to start on this type. Graviton families have a g after the generation (t4g), but
    for the first, a1.
    """
    family = instance_type.partition(".")[0]
    return "arm64" if "g" in family[2:] or family == "a1" else "x86_64"


def makes_instance(status: str, deployed: str, wanted: str) -> bool:
    """Whether bringing a stack in `status` from one template to the other starts an instance anew.

    Another type is a stop and a start, unless it needs an image of another architecture.
    """
    if action_for(status) in {Action.CREATE, Action.RECREATE}:
        return True
    if deployed == wanted:
        return False
    old, new = compare.parse(deployed), compare.parse(wanted)
    return any(
        change.action == "add"
        or change.replacement == "yes"
        or _architecture_in(old, change.logical_id) != _architecture_in(new, change.logical_id)
        for change in compare.resource_changes(old, new)
        if change.type == _INSTANCE and change.action != "remove"
    )


def _architecture_in(template: dict[str, Any], logical_id: str) -> str:
    return architecture(template["Resources"][logical_id]["Properties"]["InstanceType"])
