"""A troposphere template as YAML: short intrinsic forms, insertion order, the same bytes every time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from troposphere import Template

_SECTIONS = (
    "AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Rules", "Mappings",
    "Conditions", "Resources", "Outputs",
)  # fmt: skip
# A reader wants to know first what a resource is; troposphere puts its properties before its type.
_RESOURCE_KEYS = (
    "Type", "Condition", "DependsOn", "Metadata", "CreationPolicy", "DeletionPolicy", "UpdatePolicy",
    "UpdateReplacePolicy", "Properties",
)  # fmt: skip
# `Fn::GetAtt: [A, B]` has the short form `!GetAtt A.B`; these others take their value as it is.
_SHORT = {
    "Ref": "!Ref", "Condition": "!Condition", "Fn::Sub": "!Sub", "Fn::Join": "!Join", "Fn::If": "!If",
    "Fn::Equals": "!Equals", "Fn::And": "!And", "Fn::Or": "!Or", "Fn::Not": "!Not", "Fn::Select": "!Select",
    "Fn::Split": "!Split", "Fn::Base64": "!Base64", "Fn::FindInMap": "!FindInMap", "Fn::GetAZs": "!GetAZs",
    "Fn::Cidr": "!Cidr", "Fn::ImportValue": "!ImportValue",
}  # fmt: skip


class _Tagged:
    __slots__ = ("tag", "value")

    def __init__(self, tag: str, value: Any) -> None:
        self.tag = tag
        self.value = value


if TYPE_CHECKING:
    _Base = yaml.SafeDumper
else:  # the C emitter is about eight times as fast, and not in every build of PyYAML
    _Base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _represent_tagged(dumper: _Dumper, item: _Tagged) -> yaml.Node:
    if isinstance(item.value, list):
        return dumper.represent_sequence(item.tag, item.value, flow_style=False)
    if isinstance(item.value, dict):
        return dumper.represent_mapping(item.tag, item.value)
    if isinstance(item.value, _Tagged):  # YAML has no `!Base64 !Sub x`: write the outer one in full
        full = next(long for long, short in _SHORT.items() if short == item.tag)
        return dumper.represent_mapping("tag:yaml.org,2002:map", {full: item.value})
    style = "|" if "\n" in str(item.value) else None
    return dumper.represent_scalar(item.tag, str(item.value), style=style)


def _represent_text(dumper: _Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(_Tagged, _represent_tagged)
_Dumper.add_representer(str, _represent_text)


def _short(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, item),) = value.items()
        if key == "Fn::GetAtt":
            return _Tagged("!GetAtt", ".".join(item) if isinstance(item, list) else item)
        if key in _SHORT and not (key == "Condition" and not isinstance(item, str)):
            return _Tagged(_SHORT[key], _short(item))
    return {key: _short(item) for key, item in value.items()}


def _type_first(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: resource[key] for key in _RESOURCE_KEYS if key in resource}


def to_yaml(template: Template) -> str:
    """The template's text. Raises what troposphere raises for missing or unknown properties."""
    content = template.to_dict()
    ordered = {name: content[name] for name in _SECTIONS if name in content}
    missing = set(content) - set(ordered)
    if missing:
        raise AssertionError(f"unknown template sections: {sorted(missing)}")
    ordered["Resources"] = {name: _type_first(resource) for name, resource in ordered["Resources"].items()}
    text: str = yaml.dump(
        _short(ordered),
        Dumper=_Dumper,
        sort_keys=False,
        width=110,
        allow_unicode=True,
        default_flow_style=False,
    )
    return text
