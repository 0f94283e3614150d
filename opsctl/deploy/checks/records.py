"""Address records that would move from one stack to another: Route 53 takes a name once, so the new one can't be made.

Environments that the first opsctl made have the service's records in their app stack; today they are in front.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from opsctl.config import naming
from opsctl.deploy.planning import compare

if TYPE_CHECKING:
    from opsctl.aws.account import Account
    from opsctl.config.models import Environment
    from opsctl.deploy.checks.preflight import Check
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


def taken_names(
    wanted: Iterable[StackTemplate], deployed: Mapping[str, str], outputs: Callable[[str], Mapping[str, str]]
) -> Check:
    """A check of names of new records that have one already, of somebody else's making: the stack would fail by it, but
    minutes later, after its load balancer.

    One that leads to the environment's own address, of its `outputs`, is let be: CloudFormation takes over a record
    that is as it would make it.
    """

    def address_records(_env: Environment, account: Account) -> Iterator[str]:
        held = {name for body in deployed.values() for name in _names(body)}
        own = {value.lower() for stack in ("front", naming.SITE_STACK) for value in outputs(stack).values()}
        for stack in wanted:
            for zone, name in dict.fromkeys(_records(stack.body)):
                if name not in held and any(each not in own for each in account.address_records(zone, name)):
                    yield (
                        f"{stack.stack}: Route 53 has a record of {name} already, which leads elsewhere, and takes a "
                        "name once. To move it without a gap, set certificate_arn, leave hosted_zone_id away, deploy, "
                        "and change the record yourself; where a gap is no matter, delete it."
                    )

    return address_records


def _names(body: str) -> Iterator[str]:
    return (name for _, name in _records(body))


def _records(body: str) -> Iterator[tuple[str, str]]:
    """Hosted zone and name of each."""
    if _RECORD not in body:  # reading a template takes longer
        return
    for item in compare.resources_of(body).values():
        if item["Type"] == _RECORD:
            yield item["Properties"].get("HostedZoneId", ""), item["Properties"]["Name"]
