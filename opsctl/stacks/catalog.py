"""All stacks of an environment, in the order in which they are deployed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.config.naming import StackName
from opsctl.config.regions import EDGE_REGION
from opsctl.stacks import (
    app,
    bootstrap,
    data,
    edge,
    egress,
    front,
    functions,
    jobs,
    network,
    platform,
    site,
    upkeep,
)
from opsctl.stacks.model import StackTemplate


def _always(_: Environment) -> bool:
    return True


class Entry(NamedTuple):
    """One stack: how it is built, and for which environments."""

    name: StackName
    build: Callable[[Environment], StackTemplate]
    wanted: Callable[[Environment], bool] = _always


STACKS: tuple[Entry, ...] = (
    Entry("bootstrap", bootstrap.build),
    Entry("platform", platform.build),
    Entry("network", network.build),
    Entry("egress", egress.build),
    Entry("data", data.build),
    Entry("functions", functions.build),
    Entry("front", front.build),
    Entry("upkeep", upkeep.build),
    Entry("jobs", jobs.build),
    Entry("app", app.build),
    Entry("edge", edge.build, edge.wanted),
    Entry(naming.SITE_STACK, site.build, site.wanted),
)


def unwanted(env: Environment) -> tuple[StackTemplate, ...]:
    """The stacks that `env` does not want, without a template: they may be there from the time when it did."""
    return tuple(
        StackTemplate(
            stack=entry.name,
            physical_name=naming.stack_name(env, entry.name),
            body="Resources: {}\n",
            region=EDGE_REGION if entry.name == "edge" else None,
        )
        for entry in STACKS
        if not entry.wanted(env)
    )


def templates(env: Environment) -> tuple[StackTemplate, ...]:
    """The stacks that `env` wants, each after those it depends on."""
    return tuple(entry.build(env) for entry in STACKS if entry.wanted(env))
