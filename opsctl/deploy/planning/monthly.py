"""What a plan changes of a month's bill. Reads templates that are known anyway; asks AWS nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from opsctl.deploy.planning import compare
from opsctl.deploy.planning.plan import Plan
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import Action

if TYPE_CHECKING:
    from opsctl.config.models import Environment
    from opsctl.config.naming import StackName
    from opsctl.cost.difference import CostChange
    from opsctl.cost.prices import PriceTable
    from opsctl.cost.scene import StackContent
    from opsctl.stacks.model import StackTemplate

_NEW = {Action.CREATE, Action.RECREATE}


def contents(env: Environment, templates: Sequence[StackTemplate]) -> list[StackContent]:
    """The stacks as they are configured."""
    from opsctl.cost.scene import StackContent

    values = {"GuardDuty": "true" if env.security.guardduty else "false"}
    return [StackContent(each.stack, each.region or env.region, compare.parse(each.body), values) for each in templates]


def cost_change(
    env: Environment,
    templates: Mapping[StackName, StackTemplate],
    plan: Plan,
    state: RemoteState,
    parameters: Mapping[str, Mapping[str, str]],
    table: PriceTable,
) -> CostChange | None:
    """What the plan adds and takes; None where no template of it differs. `parameters` are the new ones, by stack."""
    from opsctl.cost.difference import difference

    changed = {item.stack for item in plan.stacks if item.is_change}
    missing = {item.stack for item in plan.stacks if item.action in _NEW}
    new = [each for each in templates.values() if each.stack in changed]
    if not any(
        each.stack in missing or state.bodies.get(each.stack) != each.body or each.stack in parameters for each in new
    ):
        return None
    before = [each for each in _deployed(env, templates, state) if each.stack not in missing]
    after = [*(each for each in before if each.stack not in changed), *_planned(env, new, parameters)]
    return difference(before, after, env.observability.usage, table)


def _deployed(
    env: Environment, templates: Mapping[StackName, StackTemplate], state: RemoteState
) -> Iterator[StackContent]:
    from opsctl.cost.scene import StackContent

    for each in templates.values():
        if body := state.bodies.get(each.stack):
            values = state.stacks[each.stack].parameters
            yield StackContent(each.stack, each.region or env.region, compare.parse(body), values)


def _planned(
    env: Environment, templates: Sequence[StackTemplate], parameters: Mapping[str, Mapping[str, str]]
) -> Iterator[StackContent]:
    from opsctl.cost.scene import StackContent

    for each in templates:
        values = parameters.get(each.stack, {})
        yield StackContent(each.stack, each.region or env.region, compare.parse(each.body), values)
