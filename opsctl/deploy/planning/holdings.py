"""Environments that an account holds, found by the tags and names of their stacks. Pure: it is given the stacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.aws.cloudformation import Stack
from opsctl.config.naming import BOOTSTRAP_STACK, STACKS

if TYPE_CHECKING:
    from opsctl.config.models import Environment


@dataclass(frozen=True, slots=True)
class Holding:
    """One environment's stacks in one region, by short name."""

    environment: str
    service: str
    client: str
    region: str
    stacks: Mapping[str, Stack]

    @property
    def protected(self) -> bool:
        """Whether its stacks are protected against deletion."""
        return any(stack.termination_protection for stack in self.stacks.values())


def holdings(stacks: Iterable[Stack], region: str) -> list[Holding]:
    """Environments that these stacks are of, sorted by name.

    A stack is one's when opsctl's tags say so and its name agrees: tags can be anybody's, and a configuration may
    override them.
    """
    found: dict[tuple[str, str, str], dict[str, Stack]] = {}
    for stack in stacks:
        if not is_opsctls(stack):
            continue
        whose = tuple(stack.tags.get(key, "") for key in ("environment", "service", "client"))
        for short in STACKS:
            if all(whose) and stack.name == "-".join((*whose[:2], short, whose[2])):
                found.setdefault((whose[0], whose[1], whose[2]), {})[short] = stack
    return [Holding(*whose, region, found[whose]) for whose in sorted(found)]


def is_opsctls(stack: Stack) -> bool:
    """Whether opsctl made a stack, for an environment: that of the account itself is not counted."""
    return stack.tags.get("managed-by") == "opsctl" and stack.name != BOOTSTRAP_STACK


def namesakes(env: Environment, stacks: Iterable[Stack]) -> list[Holding]:
    """Environments of the same name and service for another client: with these it shares the names of its secrets."""
    return [
        each
        for each in holdings(stacks, env.region)
        if (each.environment, each.service) == (env.name, env.service) and each.client != env.client
    ]


def earlier_names(env: Environment, stacks: Iterable[Stack]) -> list[str]:
    """What to say before a new environment is made beside one that differs in `service` or `client` alone."""
    said = []
    for other in holdings(stacks, env.region):
        differs = [key for key in ("service", "client") if getattr(other, key) != getattr(env, key)]
        if other.environment != env.name or len(differs) != 1:
            continue
        old = getattr(other, differs[0])
        count = f"{len(other.stacks)} stack{'s' if len(other.stacks) > 1 else ''}"
        said.append(
            f"{env.name} is new under the {differs[0]} `{getattr(env, differs[0])}`, and {count} of {env.name} are "
            f"there under `{old}`. If that is this project's earlier name, a deploy makes a second environment with an "
            f"empty database beside it: write `{differs[0]}: {old}` again to go on with the first. `opsctl destroy "
            f"--env {env.name} --from-account --service {other.service} --client {other.client}` removes the old one."
        )
    return said
