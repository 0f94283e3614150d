"""From configuration and what is deployed to a plan. Reads only; the executor writes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opsctl.deploy.planning import compare
from opsctl.deploy.planning.compare import ResourceChange
from opsctl.deploy.planning.plan import Basis, ImagePlan, ParameterChange, Plan, Risk, StackPlan
from opsctl.deploy.planning.state import RemoteState
from opsctl.deploy.planning.statuses import Action, action_for
from opsctl.deploy.review.changes import Changes, describe
from opsctl.deploy.review.values import SECRET, UNKNOWN, Scope, printable, references, same, scalar, shown
from opsctl.deploy.review.values import resolve as resolved
from opsctl.stacks.model import FromContext, FromOutput

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Stack
    from opsctl.stacks.model import ContextKey, StackTemplate

Context = Mapping["ContextKey", str | None]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Parameter values; None where a stack has to be deployed, or an image built, before the value is known."""

    values: dict[str, str | None]
    waits_for: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every value is known."""
        return None not in self.values.values()


def resolve(template: StackTemplate, state: RemoteState, context: Context) -> Resolved:
    """Parameter values of a stack from the outputs and the context known now."""
    values: dict[str, str | None] = {}
    waits: list[str] = []
    for name, source in template.parameters.items():
        if isinstance(source, FromOutput):
            values[name] = state.outputs(source.stack).get(source.output)
            if values[name] is None:
                waits.append(source.stack)
        elif isinstance(source, FromContext):
            values[name] = context.get(source.key)
            if values[name] is None:
                waits.append(source.key.replace("_", " "))
    return Resolved(values, tuple(dict.fromkeys(waits)))


def plan_stack(template: StackTemplate, state: RemoteState, context: Context) -> StackPlan:
    """What one stack needs, as things are now."""
    stack = state.stacks.get(template.stack)
    resolved = resolve(template, state, context)
    action = action_for(stack.status) if stack is not None else Action.CREATE
    if stack is not None and action is Action.UPDATE:
        planned = _plan_update(template, stack, state, resolved)
    else:
        changes = _new_resources(template) if action in {Action.CREATE, Action.RECREATE} else ()
        status, why = (stack.status, _why(stack, action)) if stack is not None else ("", "it does not exist")
        planned = StackPlan(
            template.stack, template.physical_name, status, action, why, changes, waits_for=resolved.waits_for
        )
    return replace(planned, basis=_basis(template, stack, resolved))


def _plan_update(template: StackTemplate, stack: Stack, state: RemoteState, resolved: Resolved) -> StackPlan:
    body = state.bodies.get(template.stack, "")
    changes = Changes()
    reasons: list[str] = []
    parameters = parameter_changes(stack.parameters, resolved.values)
    if body != template.body or parameters:
        old = compare.parse(body)
        new = old if body == template.body else compare.parse(template.body)
        if old != new:
            reasons.append("its template differs")
        if parameters:
            reasons.append("parameters differ")
        if reasons:
            changes = describe(old, new, stack.parameters, resolved.values)
            parameters = _masked(parameters, Scope.of(old, {}).hidden | Scope.of(new, {}).hidden)
    if dict(stack.tags) != template.tags:
        reasons.append("tags differ")
    if template.termination_protection and not stack.termination_protection:
        reasons.append("termination protection is off")
    return StackPlan(
        template.stack,
        template.physical_name,
        stack.status,
        Action.UPDATE if reasons else Action.UNCHANGED,
        ", ".join(reasons),
        changes.resources,
        parameters,
        resolved.waits_for,
        risks_of(template, changes.resources),
        changes.properties,
        changes.access,
        changes.interruptions,
        changes.losses,
    )


def _masked(parameters: Sequence[ParameterChange], hidden: frozenset[str]) -> tuple[ParameterChange, ...]:
    """Without the values of secrets."""

    def text(name: str, value: str | None) -> str | None:
        if value in {None, UNKNOWN}:
            return value
        return SECRET if name in hidden else shown(value, name)

    return tuple(
        ParameterChange(each.name, text(each.name, each.old), text(each.name, each.new)) for each in parameters
    )


def _basis(template: StackTemplate, stack: Stack | None, resolved: Resolved) -> Basis:
    # Few templates keep a parameter secret, and a deploy without changes parses none.
    hidden = Scope.of(compare.parse(template.body), {}).hidden if "NoEcho" in template.body else frozenset()
    parameters: dict[str, str] = {}
    for name, value in resolved.values.items():
        if value is not None and (name in hidden or shown(value, name) != printable(value)):
            parameters[name] = f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
        else:
            parameters[name] = UNKNOWN if value is None else value
    if stack is None:
        return Basis(template.digest, parameters, tags=template.tags)
    updated = stack.updated.isoformat() if stack.updated is not None else ""
    return Basis(template.digest, parameters, stack.status, updated, template.tags)


def parameter_changes(old: Mapping[str, str], new: Mapping[str, str | None]) -> tuple[ParameterChange, ...]:
    """Parameters that differ. One that is not known yet counts as different."""
    changes = [
        ParameterChange(name, old.get(name), "?" if value is None else value)
        for name, value in new.items()
        if value is None or old.get(name) != value
    ]
    changes += [ParameterChange(name, value, None) for name, value in old.items() if name not in new]
    return tuple(changes)


def risks_of(template: StackTemplate, changes: Sequence[ResourceChange]) -> tuple[Risk, ...]:
    """Changes that replace or delete what holds data."""
    found = []
    for change in changes:
        if not holds_data(template, change.logical_id, change.type) or change.action == "add":
            continue
        cause = ", ".join(change.causes)
        if change.action == "remove":
            found.append(Risk(template.stack, change.logical_id, change.type, "deleted", "the template drops it"))
        elif change.replacement == "yes":
            found.append(Risk(template.stack, change.logical_id, change.type, "replaced", cause))
        elif change.replacement == "maybe":
            found.append(Risk(template.stack, change.logical_id, change.type, "perhaps replaced", cause))
    return tuple(found)


# By type: a resource that a newer template drops is not in its `stateful` list any more.
STATEFUL_TYPES = frozenset({
    "AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::S3::Bucket", "AWS::ECR::Repository", "AWS::EC2::VPC",
    "AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::Logs::LogGroup",
})  # fmt: skip


def holds_data(template: StackTemplate, logical_id: str, resource_type: str) -> bool:
    return logical_id in template.stateful or resource_type in STATEFUL_TYPES


def plan(
    environment: str,
    templates: Sequence[StackTemplate],
    state: RemoteState,
    context: Context,
    *,
    image: ImagePlan | None = None,
    secrets: bool = False,
) -> Plan:
    """The whole plan for `templates`, in their order."""
    stacks = plan_stacks(templates, state, context)
    return Plan(environment, stacks, image, migrate=needs_migration(templates, state, context), secrets=secrets)


def plan_stacks(templates: Sequence[StackTemplate], state: RemoteState, context: Context) -> tuple[StackPlan, ...]:
    """What each stack needs, where a later one sees the outputs of an earlier one as its change will leave them."""
    stacks: list[StackPlan] = []
    for template in templates:
        planned = plan_stack(template, state, context)
        stacks.append(planned)
        state = _as_changed(template, planned, state, context)
    return tuple(stacks)


def _as_changed(template: StackTemplate, planned: StackPlan, state: RemoteState, context: Context) -> RemoteState:
    """The state with the outputs that this change leaves.

    One that is written otherwise, or gets another parameter's value, has its new value where the template alone says
    it. One that only AWS knows, or that comes of what is replaced, is not there: nobody knows yet what it will be.
    """
    stack = state.stacks.get(template.stack)
    if stack is None or planned.action is not Action.UPDATE:
        return state
    body = state.bodies.get(template.stack, "")
    old = compare.parse(body)
    new = old if body == template.body else compare.parse(template.body)
    before, after = Scope.of(old, stack.parameters), Scope.of(new, resolve(template, state, context).values)
    replaced = {change.logical_id for change in planned.changes if change.replacement != "no"}
    outputs = dict(stack.outputs)
    known = old.get("Outputs") or {}
    for name, item in (new.get("Outputs") or {}).items():
        was = resolved(known[name].get("Value"), before) if name in known else None
        value = resolved(item.get("Value"), after)
        if replaced & {*references(item.get("Value"))}:
            outputs.pop(name, None)
        elif not same(was, value) and name in outputs:
            outputs.pop(name)
            if not isinstance(value, dict | list):
                outputs[name] = scalar(value)
    return replace(state, stacks={**state.stacks, template.stack: replace(stack, outputs=outputs)})


def order(
    templates: Sequence[StackTemplate], *, image: bool, migrate: bool, secrets: bool = False
) -> dict[str, tuple[str, ...]]:
    """The steps of a deploy, each with those that it waits for, as far as they are part of this deploy.

    Everything comes after the account's own stack, whose bucket holds the lock. Beside the stacks: `image` is built or
    found once its repository is there, `secrets` are written when all is known that they are made from, which includes
    the database's login; `migrate` runs before the service changes, and when its address stands: what
    prepares a release may have to know it.
    """
    steps: dict[str, tuple[str, ...]] = {}
    for template in templates:
        after: tuple[str, ...] = template.depends_on
        if template.stack != "bootstrap":
            after = ("bootstrap", *after)
        if template.stack == "jobs" and image:
            after = (*after, "image")
        if template.stack == "app" and migrate:
            after = (*after, "migrate")
        if template.stack == "app" and secrets:
            after = (*after, "secrets")
        steps[template.stack] = after
    if image:
        steps["image"] = ("platform",)
    if secrets:
        steps["secrets"] = ("platform", "front", "upkeep", "jobs", "image")
    if migrate:
        steps["migrate"] = ("front", "jobs", "image", "secrets")
    return {name: tuple(other for other in after if other in steps) for name, after in steps.items()}


def needs_migration(templates: Sequence[StackTemplate], state: RemoteState, context: Context) -> bool:
    """Migrations run before the service gets another image than the one it runs."""
    if not any(template.stack == "app" for template in templates):
        return False
    app = state.stacks.get("app")
    deployed = app.parameters.get("ImageUri") if app and action_for(app.status) is Action.UPDATE else None
    return deployed is None or deployed != context.get("image_uri")


def _new_resources(template: StackTemplate) -> tuple[ResourceChange, ...]:
    content = compare.parse(template.body)
    return tuple(ResourceChange(name, item["Type"], "add") for name, item in content["Resources"].items())


def _why(stack: Stack, action: Action) -> str:
    reason = f": {stack.reason}" if stack.reason else ""
    return f"it is {stack.status}{reason}" if action is not Action.CREATE else "it was never executed"
