"""All stacks of an environment, in the order in which they are deployed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from opsctl.config.models import Environment
from opsctl.stacks import app, bootstrap, dashboard, data, edge, jobs, network, platform
from opsctl.stacks.model import StackName, StackTemplate


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
    Entry("data", data.build),
    Entry("jobs", jobs.build),
    Entry("app", app.build),
    Entry("edge", edge.build, edge.wanted),
    Entry("dashboard", dashboard.build, dashboard.wanted),
)


def templates(env: Environment) -> tuple[StackTemplate, ...]:
    """The stacks that `env` wants, each after those it depends on."""
    return tuple(entry.build(env) for entry in STACKS if entry.wanted(env))
