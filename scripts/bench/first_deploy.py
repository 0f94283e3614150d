"""Deploys on AWS by the model: a first one in opsctl's order beside what no order can beat, one property, a removal.

Nothing is deployed. The durations by resource type are those of `opsctl.deploy.planning.durations`.
"""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.config.loader import load
from opsctl.config.models import Environment
from opsctl.deploy.destroy import USED_BY
from opsctl.deploy.planning import planner
from opsctl.deploy.planning.forecast import Forecast, as_ordered, change, limit, removal
from opsctl.stacks import catalog
from scripts.bench.measure import ROOT

_GOAL = 1.35
# Shorter legs change nothing that a person would notice.
_SHOWN_SECONDS = 15.0


def first_deploy() -> list[str]:
    """Every environment on AWS; goal: 1.35 times what its resources alone take."""
    return [line for env in _environments() for line in _lines(env)]


def minutes() -> dict[str, tuple[float, float]]:
    """For every environment on AWS: minutes of a first deploy as ordered, and by its resources alone."""
    return {env.name: (found.minutes, least.minutes) for env in _environments() for found, least in [_both(env)]}


def _environments() -> list[Environment]:
    return [env for env in load(ROOT / "environments.yaml").environments.values() if env.target == "aws"]


def _both(env: Environment) -> tuple[Forecast, Forecast]:
    """A first deploy as ordered, and by its resources alone."""
    templates = catalog.templates(env)
    order = planner.order(templates, image=True, migrate=True)
    return as_ordered(templates, order), limit(templates, order)


def _lines(env: Environment) -> Iterator[str]:
    templates = catalog.templates(env)
    found, least = _both(env)
    yield (
        f"{env.name:<6} {found.minutes:4.1f} minutes as ordered, {least.minutes:4.1f} by its resources alone: "
        f"{found.seconds / least.seconds:.2f} (goal {_GOAL})"
    )
    yield from _way("as ordered", found)
    yield from _way("by its resources", least)
    web = env.application.web.model_copy(update={"cpu": env.application.web.cpu * 2})
    bigger = env.model_copy(update={"application": env.application.model_copy(update={"web": web})})
    changed = change(templates, catalog.templates(bigger), planner.order(templates, image=False, migrate=False))
    yield f"       {changed.minutes:4.1f} minutes for one property (web.cpu)"
    gone = removal([template for template in templates if template.stack != "bootstrap"], USED_BY)
    yield f"       {gone.minutes:4.1f} minutes to remove all of it"
    yield from _way("removing", gone)
    kinds = {leg.type for leg in (*found.path, *least.path)}
    if guessed := sorted(kinds.intersection(found.guessed)):
        yield f"       estimated, not published: {', '.join(guessed)}"


def _way(title: str, found: Forecast) -> Iterator[str]:
    yield f"       {title}"
    for leg in found.path:
        if leg.seconds >= _SHOWN_SECONDS:
            yield f"         {leg.seconds:5.0f} s  {leg.name}"
