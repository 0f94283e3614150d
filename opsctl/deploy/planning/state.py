"""What is deployed now. Reads AWS, never writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opsctl.aws.cloudformation import Stack

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import CloudFormation
    from opsctl.stacks.model import StackTemplate


@dataclass(frozen=True, slots=True)
class RemoteState:
    """The environment's stacks by short name; `bodies` holds templates of those that exist, `others` what else its
    regions hold.
    """

    stacks: Mapping[str, Stack] = field(default_factory=dict)
    bodies: Mapping[str, str] = field(default_factory=dict)
    others: tuple[Stack, ...] = ()

    def outputs(self, stack: str) -> Mapping[str, str]:
        """Outputs of a stack; empty when it does not exist."""
        found = self.stacks.get(stack)
        return found.outputs if found else {}

    def parameter(self, stack: str, name: str) -> str | None:
        """A parameter's value in a stack; None when either does not exist."""
        found = self.stacks.get(stack)
        return found.parameters.get(name) if found else None


def read_state(
    templates: Iterable[StackTemplate], reader_for: Mapping[str, CloudFormation], *, bodies: bool = True
) -> RemoteState:
    """One DescribeStacks per region and one GetTemplate per existing stack, in parallel.

    `reader_for` maps the short names to the reader of the stack's region; without `bodies` no template is read.
    """
    wanted = list(templates)
    by_reader: dict[int, CloudFormation] = {id(reader_for[item.stack]): reader_for[item.stack] for item in wanted}
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="state") as pool:
        listed = dict(zip(by_reader, pool.map(lambda reader: reader.stacks(), by_reader.values()), strict=True))
        found: dict[str, Stack] = {}
        for item in wanted:
            names = {stack.name: stack for stack in listed[id(reader_for[item.stack])]}
            if item.physical_name in names:
                found[item.stack] = names[item.physical_name]
        # A stack under review has no template in force yet.
        existing = [name for name, stack in found.items() if bodies and stack.status != "REVIEW_IN_PROGRESS"]
        texts = pool.map(lambda name: reader_for[name].template(found[name].id), existing)
        own = {stack.id for stack in found.values()}
        others = tuple(stack for stacks in listed.values() for stack in stacks if stack.id not in own)
        return RemoteState(found, dict(zip(existing, texts, strict=True)), others)
