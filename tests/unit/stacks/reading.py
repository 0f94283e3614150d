"""Reads rendered templates back, so that tests assert what is deployed and not what was meant."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from opsctl.config import loader
from opsctl.config.models import Environment
from opsctl.stacks import catalog
from opsctl.stacks.model import StackTemplate

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("local", "dev", "hml", "prd")


@functools.cache
def environments() -> dict[str, Environment]:
    """The committed configuration."""
    return loader.load(ROOT / "environments.yaml").environments


def environment(name: str, **settings: Any) -> Environment:
    """A committed environment with settings changed: `environment("dev", rds__multi_az=True)`. Rules are not run."""
    env = environments()[name]
    for path, value in settings.items():
        env = _changed(env, path.split("__"), value)
    return env


def _changed(model: Any, path: list[str], value: Any) -> Any:
    if len(path) > 1:
        inner = model[path[0]] if isinstance(model, dict) else getattr(model, path[0])
        value = _changed(inner, path[1:], value)
    if isinstance(model, dict):
        return {**model, path[0]: value}
    return model.model_copy(update={path[0]: value})


if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:  # in C where there is one: tests read every template many times
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    pass


def _intrinsic(node_loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = node_loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = node_loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = node_loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt":
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


class Stack:
    """A rendered stack: `stack["Database"]` are the properties of that resource."""

    def __init__(self, template: StackTemplate) -> None:
        self.template = template
        self.document: dict[str, Any] = yaml.load(template.body, Loader=_Loader)  # noqa: S506  # derived from SafeLoader
        self.resources: dict[str, Any] = self.document["Resources"]

    def __getitem__(self, name: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.resources[name].get("Properties", {})
        return properties

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Logical id -> properties of all resources of one type, such as `AWS::EC2::Subnet`."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def attribute(self, name: str, attribute: str) -> Any:
        """`DeletionPolicy`, `DependsOn`, … of a resource; None when it has none."""
        return self.resources[name].get(attribute)

    def skips(self, name: str) -> set[str]:
        """Ids of the checkov checks that are skipped on a resource."""
        metadata = self.resources[name].get("Metadata", {}).get("checkov", {})
        return {skip["id"] for skip in metadata.get("skip", [])}

    @property
    def outputs(self) -> dict[str, Any]:
        """Name -> value."""
        return {name: output["Value"] for name, output in self.document.get("Outputs", {}).items()}


@functools.cache
def stacks(name: str) -> tuple[Stack, ...]:
    """All stacks of a committed environment, in order, rendered once: to be read, not changed."""
    return tuple(Stack(template) for template in catalog.templates(environment(name)))


def statements(policy: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A policy's statements by their Sid."""
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def sub(text: str) -> dict[str, str]:
    """`!Sub text`."""
    return {"Fn::Sub": text}


def ref(name: str) -> dict[str, str]:
    """`!Ref name`."""
    return {"Ref": name}
