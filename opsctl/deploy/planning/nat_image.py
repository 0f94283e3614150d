"""Whether a deploy makes another NAT instance, from the two templates of the network."""

from __future__ import annotations

from typing import Any, Literal

from opsctl.deploy.planning import compare
from opsctl.deploy.planning.statuses import Action, action_for

_INSTANCE = "AWS::EC2::Instance"


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
