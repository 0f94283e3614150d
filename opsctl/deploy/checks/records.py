"""Address records that would move from one stack to another: Route 53 takes a name once, so the new one can't be made.

Environments that the first opsctl made have the service's records in their app stack; today they are in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from opsctl.deploy.planning import compare

if TYPE_CHECKING:
    from opsctl.stacks.model import StackTemplate

_RECORD = "AWS::Route53::RecordSet"


def record_problems(wanted: Iterable[StackTemplate], deployed: Mapping[str, str]) -> tuple[str, ...]:
    """Why records of `wanted` stacks can't be made beside those of the `deployed` templates, each in a sentence."""
    holder = {name: stack for stack, body in deployed.items() for name in _names(body)}
    found = {
        name: stack.stack
        for stack in wanted
        for name in _names(stack.body)
        if holder.get(name, stack.stack) != stack.stack
    }
    return tuple(
        f"{stack}: the record of {name} is in the {holder[name]} stack, as an earlier opsctl made it, and Route 53 "
        "takes a name once. Deploy without the domain first, in a quiet hour (where TLS is enforced with "
        "certificate_arn in its place): the service then answers at its load balancer's own name, and the old "
        "record goes. Then put the domain back and deploy again."
        for name, stack in found.items()
    )


def _names(body: str) -> Iterator[str]:
    if _RECORD not in body:  # reading a template takes longer
        return
    for item in compare.resources_of(body).values():
        if item["Type"] == _RECORD:
            yield item["Properties"]["Name"]
