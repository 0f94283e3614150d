"""The templates of the committed configuration, rendered once and parsed by the deploy's own parser.

What belongs to a stack but not to its template is added beside it, so that it can be asserted and mutated the same
way: `Stack` (TerminationProtection, Parameters with their source) and, in each resource, `Guarded` (whether replacing
it needs `--allow-replace`).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from opsctl.config import loader
from opsctl.config.models import Environment
from opsctl.deploy.planning import compare
from opsctl.stacks import catalog
from opsctl.stacks.model import FromOutput, ParameterSource, StackTemplate
from tests.golden.controls.language import EnvironmentName, Templates

ROOT = Path(__file__).resolve().parents[3]


@functools.cache
def templates(name: EnvironmentName) -> Templates:
    """All stacks of an environment. Callers change copies only."""
    return {template.stack: _described(template) for template in catalog.templates(environment(name))}


def environment(name: EnvironmentName) -> Environment:
    """An environment of the committed `environments.yaml`."""
    return _environments()[name]


@functools.cache
def _environments() -> dict[str, Environment]:
    return loader.load(ROOT / "environments.yaml").environments


def _described(template: StackTemplate) -> dict[str, Any]:
    document = compare.parse(template.body)
    for name, resource in document["Resources"].items():
        resource["Guarded"] = name in template.stateful
    document["Stack"] = {
        "TerminationProtection": template.termination_protection,
        "Parameters": {name: _source(source) for name, source in template.parameters.items()},
    }
    return document


def _source(source: ParameterSource) -> str:
    return f"{source.stack}.{source.output}" if isinstance(source, FromOutput) else f"context.{source.key}"
