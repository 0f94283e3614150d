"""Scenes for tests: the committed environments, and small templates written out."""

from __future__ import annotations

from typing import Any

from opsctl.config.models import Environment, Usage
from opsctl.cost.billing import Billing
from opsctl.cost.estimate import Estimate, estimate
from opsctl.cost.prices import packaged
from opsctl.cost.scene import Scene, StackContent
from opsctl.deploy.planning.monthly import contents
from opsctl.stacks import catalog
from tests.unit.stacks.reading import environment


def configured(env: Environment) -> list[StackContent]:
    """An environment's stacks as they are configured."""
    return contents(env, catalog.templates(env))


def estimated(name: str, **settings: Any) -> Estimate:
    """A committed environment's month at the prices of the package, with settings changed."""
    env = environment(name, **settings)
    return estimate(env.name, env.region, configured(env), env.observability.usage, packaged())


def content(resources: dict[str, Any], stack: str = "app", **more: Any) -> StackContent:
    """A stack in us-east-1 with these resources."""
    return StackContent(stack, "us-east-1", {"Resources": resources, **more})


def billing(resources: dict[str, Any], **usage: float) -> Billing:
    """What a rule gets of one stack."""
    return Billing(Scene.of([content(resources)]), Usage(**usage))
