"""A first deploy on AWS by the model: minutes in the order that opsctl runs, beside what no order can beat.

Nothing is deployed. The durations by resource type are those of `opsctl.deploy.durations`.
"""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.config.loader import load
from opsctl.config.models import Environment
from opsctl.deploy import planner
from opsctl.deploy.forecast import Forecast, as_ordered, limit
from opsctl.stacks import catalog
from scripts.bench.measure import ROOT

_GOAL = 1.35
# Shorter legs change nothing that a person would notice.
_SHOWN_SECONDS = 15.0


def first_deploy() -> list[str]:
    """Every environment on AWS; goal: 1.35 times what its resources alone take."""
    environments = load(ROOT / "environments.yaml").environments.values()
    return [line for env in environments if env.target == "aws" for line in _lines(env)]


def _lines(env: Environment) -> Iterator[str]:
    templates = catalog.templates(env)
    order = planner.order(templates, image=True, migrate=True)
    found, least = as_ordered(templates, order), limit(templates, order)
    yield (
        f"{env.name:<6} {found.minutes:4.1f} minutes as ordered, {least.minutes:4.1f} by its resources alone: "
        f"{found.seconds / least.seconds:.2f} (goal {_GOAL})"
    )
    yield from _way("as ordered", found)
    yield from _way("by its resources", least)
    kinds = {leg.type for leg in (*found.path, *least.path)}
    if guessed := sorted(kinds.intersection(found.guessed)):
        yield f"       estimated, not published: {', '.join(guessed)}"


def _way(title: str, found: Forecast) -> Iterator[str]:
    yield f"       {title}"
    for leg in found.path:
        if leg.seconds >= _SHOWN_SECONDS:
            yield f"         {leg.seconds:5.0f} s  {leg.name}"
