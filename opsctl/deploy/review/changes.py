"""What differs between a stack as it is and as it would be: one model, of which text and JSON are two renderings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opsctl.deploy.planning.compare import ATTRIBUTES, ResourceChange
from opsctl.deploy.review.access import AccessChange, access_changes
from opsctl.deploy.review.differences import Difference, differences
from opsctl.deploy.review.effects import Effect, Interruption, effect_of, interruptions, removal, worst
from opsctl.deploy.review.losses import Loss, losses
from opsctl.deploy.review.values import (
    MISSING,
    SECRET,
    UNKNOWN,
    Scope,
    is_intrinsic,
    is_unknown,
    references,
    resolve,
    shown,
)

_REPLACEMENT: dict[Effect, Any] = {"replacement": "yes", "perhaps": "maybe"}


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property with its value before and after; None where it is not there, `?` where it is not known yet.

    `cause`: the resource whose replacement alone changes it.
    """

    logical_id: str
    type: str
    path: str
    before: str | None
    after: str | None
    effect: Effect
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that differs in one stack."""

    resources: tuple[ResourceChange, ...] = ()
    properties: tuple[PropertyChange, ...] = ()
    access: tuple[AccessChange, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    losses: tuple[Loss, ...] = ()


@dataclass(slots=True)
class _Resource:
    """One resource before and after, and what differs in it so far."""

    name: str
    type: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    found: list[PropertyChange] = field(default_factory=list)
    causes: dict[str, Effect] = field(default_factory=dict)

    @property
    def effect(self) -> Effect:
        return worst([*self.causes.values()])

    def add(self, change: PropertyChange, cause: str) -> None:
        self.found.append(change)
        self.causes[cause] = worst([change.effect, self.causes.get(cause, "in place")])


def describe(
    old: Mapping[str, Any], new: Mapping[str, Any], before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> Changes:
    """Compare two templates, each with its parameters by name; None: not known before other stacks are deployed."""
    scopes = Scope.of(old, before), Scope.of(new, after)
    one, other = _resources(old, scopes[0]), _resources(new, scopes[1])
    kept = [_compared(name, one[name], item) for name, item in other.items() if name in one]
    _propagate(kept)
    by_name = {each.name: each for each in kept if each.found}
    added = {name: item for name, item in other.items() if name not in one}
    removed = {name: item for name, item in one.items() if name not in other}
    rows: list[PropertyChange] = []
    for name, item in other.items():
        if name in by_name:
            rows += by_name[name].found
        elif name in added:
            rows += _whole(name, MISSING, item)
    for name, item in removed.items():
        rows += _whole(name, item, MISSING)
    summary = [
        ResourceChange(name, item["Type"], "add") if name in added else _summary(by_name[name])
        for name, item in other.items() if name in added or name in by_name
    ]  # fmt: skip
    summary += [ResourceChange(name, item["Type"], "remove") for name, item in removed.items()]
    told = [each for found in by_name.values() for each in _interruptions(found)]
    told += [each for name, item in removed.items() for each in removal(name, item["Type"])]
    return Changes(tuple(summary), tuple(rows), _access(old, new, scopes), tuple(told), tuple(losses(one, other)))


def _resources(template: Mapping[str, Any], scope: Scope) -> dict[str, dict[str, Any]]:
    """Resources that are made with these parameters, everything resolved."""
    found: Mapping[str, Any] = template.get("Resources") or {}
    return {
        name: {**item, "Properties": resolve(item.get("Properties") or {}, scope)}
        for name, item in found.items()
        if "Condition" not in item or scope.holds(item["Condition"]) is not False
    }


def _access(old: Mapping[str, Any], new: Mapping[str, Any], scopes: tuple[Scope, Scope]) -> tuple[AccessChange, ...]:
    """Rights, in which what is not known yet counts as what it was: its name stands on both sides.

    Conditions are decided before that. Of a secret it is told that it is another.
    """
    unknown = {name for name, value in scopes[1].values.items() if value is None}
    hidden = scopes[0].hidden | scopes[1].hidden
    moved = {name for name in hidden if scopes[0].values.get(name) != scopes[1].values.get(name)}
    known = []
    for scope, secret in zip(scopes, (SECRET, f"another {SECRET}"), strict=True):
        values = {name: value for name, value in scope.values.items() if name not in unknown}
        values |= {name: secret if name in moved else SECRET for name in hidden & values.keys()}
        known.append(Scope(values, frozenset(), scope.lists, scope.decided()))
    return access_changes(_resources(old, known[0]), _resources(new, known[1]))


def _compared(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> _Resource:
    kind = new["Type"]
    each = _Resource(name, kind, old["Properties"], new["Properties"])
    if old["Type"] != kind:
        each.add(PropertyChange(name, kind, "Type", old["Type"], kind, "replacement"), "Type")
        return each
    for found in differences(old["Properties"], new["Properties"]):
        each.add(_property(name, kind, found), found.property)
    for key in ATTRIBUTES:
        if old.get(key) != new.get(key):
            one, other = (None if item.get(key) is None else shown(item[key], key) for item in (old, new))
            each.add(PropertyChange(name, kind, key, one, other, "in place"), key)
    return each


def _property(name: str, kind: str, found: Difference) -> PropertyChange:
    effect = effect_of(kind, found.property)
    before, after = found.texts()
    if is_unknown(found.after):
        effect, after = ("perhaps" if effect == "replacement" else effect), UNKNOWN
    return PropertyChange(name, kind, found.path, before, after, effect)


def _propagate(resources: Sequence[_Resource]) -> None:
    """What refers to a replaced resource changes with it, and may be replaced itself.

    CloudFormation gives the replacement a new physical id, and evaluates Ref, Fn::GetAtt and Fn::Sub anew.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """
    done: set[tuple[str, str]] = set()
    while True:
        moving = {each.name: each.effect for each in resources if each.effect in {"replacement", "perhaps"}}
        new = False
        for each in resources:
            for path, name, value in _leaves(each.after):
                cause = next((item for item in references(value) if item in moving and item != each.name), None)
                if cause is None or (each.name, path) in done or any(known.path == path for known in each.found):
                    continue
                done.add((each.name, path))
                effect = effect_of(each.type, name)
                if effect == "replacement":
                    effect = moving[cause]
                before, after = Difference(path, name, value, value).texts()
                each.add(PropertyChange(each.name, each.type, path, before, after, effect, cause), name)
                new = True
        if not new:
            return


def _leaves(value: Any, path: str = "", name: str | None = None) -> Iterator[tuple[str, str, Any]]:
    """Path, the property's path up to the first list, and value of everything that is no mapping or list."""
    own = path if name is None else name
    if isinstance(value, dict) and not is_intrinsic(value):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key), name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            label = item.get("Name") if isinstance(item, dict) and isinstance(item.get("Name"), str) else index + 1
            yield from _leaves(item, f"{path}[{label}]", own)
    else:
        yield path, own, value


def _summary(each: _Resource) -> ResourceChange:
    """As the change set would tell it: with what replaces the resource, else with all that differs."""
    for effect in ("replacement", "perhaps"):
        causes = tuple(name for name, found in each.causes.items() if found == effect)
        if causes:
            return ResourceChange(each.name, each.type, "modify", _REPLACEMENT[each.effect], causes)
    return ResourceChange(each.name, each.type, "modify", "no", tuple(each.causes))


def _interruptions(each: _Resource) -> Iterator[Interruption]:
    effects = {name: effect for name, effect in each.causes.items() if name not in ATTRIBUTES or name == "Type"}
    if effects:
        yield from interruptions(each.name, each.type, effects, each.before, each.after)


def _whole(name: str, old: Any, new: Any) -> Iterator[PropertyChange]:
    """A resource that is new or gone, property by property."""
    kind = (old if new is MISSING else new)["Type"]
    pair = [{} if item is MISSING else item["Properties"] for item in (old, new)]
    for key in [*pair[1], *pair[0]]:
        found = Difference(key, key, pair[0].get(key, MISSING), pair[1].get(key, MISSING))
        before, after = found.texts()
        yield PropertyChange(name, kind, key, before, after, "in place")
