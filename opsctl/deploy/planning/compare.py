"""Two templates, resource by resource: what differs, and what that replaces.

CloudFormation replaces a resource when a create-only property changes. Which those are is in the public resource
schemas; `create_only.json` holds them for the types that opsctl's stacks use (written by scripts/create_only.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal

import yaml

ChangeAction = Literal["add", "modify", "remove"]
Replacement = Literal["no", "maybe", "yes"]
# Attributes beside Properties that CloudFormation acts upon.
ATTRIBUTES = (
    "Type",
    "Condition",
    "DependsOn",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "UpdatePolicy",
    "CreationPolicy",
    "Metadata",
)


# The schema calls these conditional; for one PostgreSQL instance they mean "some interruptions", never a new database.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html
_IN_PLACE = {
    "AWS::RDS::DBInstance": {
        "AutoMinorVersionUpgrade", "BackupRetentionPeriod", "DBParameterGroupName", "MultiAZ",
        "PreferredMaintenanceWindow",
    }
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource of a template that differs. `causes` are the properties that differ."""

    logical_id: str
    type: str
    action: ChangeAction
    replacement: Replacement = "no"
    causes: tuple[str, ...] = ()


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML with CloudFormation's short intrinsic forms, kept as they are written."""


def _intrinsic(loader: Any, suffix: str, node: yaml.Node) -> Any:
    key = {"Ref": "Ref", "Condition": "Condition"}.get(suffix, f"Fn::{suffix}")
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {key: value.split(".", 1)} if suffix == "GetAtt" else {key: value}
    if isinstance(node, yaml.SequenceNode):
        return {key: loader.construct_sequence(node, deep=True)}
    return {key: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)
# A date such as 2012-10-17 is a policy version here, not a date.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


@lru_cache(maxsize=64)  # a plan asks for the same templates hundreds of times, and one takes about 10 ms
def parse(body: str) -> dict[str, Any]:
    """A template, YAML or JSON, as a mapping with long intrinsic forms. It is everybody's: nobody changes it."""
    content = yaml.load(body, Loader=_Loader)  # noqa: S506  (a safe loader with two additions)
    return content if isinstance(content, dict) else {}


def resources_of(body: str) -> dict[str, Any]:
    """What a template declares, by logical id."""
    found: dict[str, Any] = parse(body).get("Resources", {})
    return found


def resource_changes(old: dict[str, Any], new: dict[str, Any]) -> tuple[ResourceChange, ...]:
    """Resources that were added, removed or differ, in the order of the new template."""
    before, after = old.get("Resources", {}), new.get("Resources", {})
    changes = [change for name, item in after.items() if (change := _change(name, before.get(name), item))]
    changes += [ResourceChange(name, item["Type"], "remove") for name, item in before.items() if name not in after]
    return tuple(changes)


def _change(name: str, old: dict[str, Any] | None, new: dict[str, Any]) -> ResourceChange | None:
    if old is None:
        return ResourceChange(name, new["Type"], "add")
    if old.get("Type") != new["Type"]:
        return ResourceChange(name, new["Type"], "modify", "yes", ("Type",))
    properties = differing(old.get("Properties", {}), new.get("Properties", {}))
    attributes = [key for key in ATTRIBUTES if old.get(key) != new.get(key)]
    if not properties and not attributes:
        return None
    replacing = [path for path in properties if replacement_of(new["Type"], path) == "yes"]
    perhaps = [path for path in properties if replacement_of(new["Type"], path) == "maybe"]
    replacement: Replacement = "yes" if replacing else "maybe" if perhaps else "no"
    causes = replacing or perhaps or [*properties, *attributes]
    return ResourceChange(name, new["Type"], "modify", replacement, tuple(causes))


def differing(old: Any, new: Any, path: str = "") -> list[str]:
    """Dotted paths of properties that differ; lists and intrinsics are compared whole."""
    if old == new:
        return []
    plain = isinstance(old, dict) and isinstance(new, dict) and not _is_intrinsic(old) and not _is_intrinsic(new)
    if not plain:
        return [path]
    paths: list[str] = []
    for key in [*new, *(key for key in old if key not in new)]:
        paths += differing(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    return paths


def replacement_of(resource_type: str, path: str) -> Replacement:
    """What changing the property at `path` does to a resource of this type."""
    entry = _create_only().get(resource_type)
    if entry is None or path in _IN_PLACE.get(resource_type, ()):
        return "no"
    if _covers(entry.get("create_only", []), path):
        return "yes"
    return "maybe" if _covers(entry.get("conditional", []), path) else "no"


def _covers(properties: list[str], path: str) -> bool:
    return any(path == item or path.startswith(f"{item}.") or item.startswith(f"{path}.") for item in properties)


def _is_intrinsic(value: dict[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::", "Condition"))


@cache
def _create_only() -> dict[str, Any]:
    text = resources.files("opsctl.deploy.planning").joinpath("create_only.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content
