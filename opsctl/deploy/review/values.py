"""A template's values as people read them: parameters by their value, intrinsics short, secrets never.

What a deploy does not know yet stays unknown, `?`; what is secret is compared, and shown as `(secret)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SECRET = "(secret)"  # noqa: S105  (what is shown in its place)
UNKNOWN = "?"
MISSING: Any = object()
"""Stands for a value that is not there."""

_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_UNKNOWN, _HIDDEN = "Opsctl::Unknown", "Opsctl::Hidden"
_FUNCTION = ("Fn::", "Opsctl::")
_PLACE = re.compile(r"\$\{(!?)([^}]+)\}")
_DYNAMIC = re.compile(r"\{\{resolve:[^}]*\}\}")
# Words in a key whose plain value is a secret; not so where the key names one, such as SecretArn or TokenKeyId.
_SECRET_KEY = re.compile(
    r"passw(or)?d|passphrase|secret|token|credential|private_?key|api_?key|access_?key|signing_?key|_dsn$|^dsn$", re.I
)
_NAMES_ONE = re.compile(
    r"(arn|id|ids|name|names|version|length|type|user|username|field|file|path|stage|expires|expiry|days|minutes|seconds"
    r"|enabled|rotation|policy|description|url|target)$|^httptokens$",  # the last: whether IMDS wants a token
    re.I,
)
# A user's password in an address, and `password=…` in a connection string.
_IN_ADDRESS = re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]+@")
_IN_STRING = re.compile(r"(?i)\b(password|passwd|pwd|secret|token|api_?key)=[^&\s;,'\"]+")


@dataclass(frozen=True)
class Scope:
    """The parameters with which a template is read. None: not known before other stacks are deployed.

    `hidden` are those that CloudFormation keeps secret (NoEcho); `lists` those whose value is a list.
    """

    values: Mapping[str, str | None] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    conditions: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, template: Mapping[str, Any], given: Mapping[str, str | None]) -> Scope:
        """A template's own parameters with the values `given`, else their defaults."""
        declared: Mapping[str, Any] = template.get("Parameters") or {}
        defaults = {name: scalar(item["Default"]) for name, item in declared.items() if "Default" in item}
        lists = frozenset(name for name, item in declared.items() if re.search("List", str(item.get("Type", ""))))
        hidden = frozenset(name for name, item in declared.items() if scalar(item.get("NoEcho", False)) == "true")
        return cls({**defaults, **given}, hidden, lists, template.get("Conditions") or {})

    def holds(self, name: str) -> bool | None:
        """Whether a condition of the template holds; None where nobody knows."""
        return _truth(self.conditions.get(name), self)

    def decided(self) -> dict[str, Any]:
        """The conditions, with what is known of them in place of what they ask."""
        known = {name: self.holds(name) for name in self.conditions}
        return {
            name: condition if known[name] is None else {"Fn::Equals": ["true", scalar(known[name])]}
            for name, condition in self.conditions.items()
        }


def scalar(value: Any) -> str:
    """A scalar as CloudFormation compares it: `true` and "true", 80 and "80" are the same."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_intrinsic(value: Any) -> bool:
    """Whether this is a function of CloudFormation, or what opsctl puts in a parameter's place."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    name, inner = next(iter(value.items()))
    return name == "Ref" or str(name).startswith(_FUNCTION) or (name == "Condition" and isinstance(inner, str))


def is_unknown(value: Any) -> bool:
    """Whether a value that is not known yet is part of this one."""
    if isinstance(value, dict):
        return _UNKNOWN in value or any(is_unknown(item) for item in value.values())
    return isinstance(value, list) and any(is_unknown(item) for item in value)


def same(one: Any, other: Any) -> bool:
    """Whether two resolved values are the same to CloudFormation. What is not known yet equals nothing."""
    if one is MISSING or other is MISSING or is_unknown(one) or is_unknown(other):
        return one is other
    return bool(_compared(one) == _compared(other))


def resolve(value: Any, scope: Scope) -> Any:
    """The value with parameters and conditions put in; MISSING for AWS::NoValue."""
    if isinstance(value, list):
        return [found for item in value if (found := resolve(item, scope)) is not MISSING]
    if not isinstance(value, dict):
        return value
    if is_intrinsic(value):
        ((name, inner),) = value.items()
        return _FUNCTIONS.get(name, _as_it_is(name))(inner, scope)
    found = {key: resolve(item, scope) for key, item in value.items()}
    return {key: item for key, item in found.items() if item is not MISSING}


def at(properties: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; MISSING where there is none."""
    value: Any = properties
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return MISSING
        value = value[key]
    return value


def printable(text: str) -> str:
    """The text without what a terminal would act on; lines stay lines."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def render(value: Any) -> str:
    """A resolved value in one line: `${Database.Endpoint.Address}` for what AWS knows alone."""
    if isinstance(value, list):
        return f"[{', '.join(render(item) for item in value)}]"
    if not isinstance(value, dict):
        return "" if value is None else printable(scalar(value))
    if not is_intrinsic(value):
        return f"{{{', '.join(f'{key}: {render(item)}' for key, item in value.items())}}}"
    ((name, inner),) = value.items()
    if name in {_UNKNOWN, _HIDDEN}:
        return UNKNOWN if name == _UNKNOWN else SECRET
    if name == "Ref":
        return f"${{{inner}}}"
    if name == "Fn::GetAtt":
        return f"${{{'.'.join(map(str, inner))}}}"
    if name == "Fn::Sub":
        return _substituted(inner)
    if name == "Fn::Join" and isinstance(inner, list) and isinstance(inner[1], list):
        return scalar(inner[0]).join(render(item) for item in inner[1])
    if name == "Fn::Base64":
        return render(inner)
    return f"{name.removeprefix('Fn::').lower()}({render(inner)[1:-1] if isinstance(inner, list) else render(inner)})"


def shown(value: Any, key: str) -> str:
    """A value for people, `key` being what it is the value of: a secret is masked, a reference to one is not."""
    if isinstance(value, list):
        return f"[{', '.join(shown(item, key) for item in value)}]"
    if isinstance(value, dict) and not is_intrinsic(value):
        pair = {"Name", "Key"} & value.keys()
        own = str(value[pair.pop()]) if pair and "Value" in value else ""
        inner = {name: shown(item, own if own and name == "Value" else str(name)) for name, item in value.items()}
        return f"{{{', '.join(f'{name}: {item}' for name, item in inner.items())}}}"
    text = render(value)
    if is_secret_key(key) and not _is_reference(value, text):
        return SECRET
    return _IN_STRING.sub(rf"\1={SECRET}", _IN_ADDRESS.sub(rf"\1:{SECRET}@", text))


def is_secret_key(key: str) -> bool:
    """Whether a plain value under this key is taken for a secret."""
    return bool(_SECRET_KEY.search(key)) and not _NAMES_ONE.search(key)


def references(value: Any) -> Iterator[str]:
    """Logical ids that a value gets from AWS."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "Ref" and isinstance(inner, str):
                yield inner
            elif name == "Fn::GetAtt":
                yield str(inner[0])
            elif name == "Fn::Sub":
                yield from (found[2].split(".")[0] for found in _PLACE.finditer(_text_of(inner)) if not found[1])
                yield from references(inner)
            else:
                yield from references(inner)


def _is_reference(value: Any, text: str) -> bool:
    plain = _DYNAMIC.sub("", text) == "" or text.startswith("arn:") or text.lower() in {"true", "false", ""}
    return plain or (is_intrinsic(value) and _HIDDEN not in value) or bool(re.fullmatch(r"\$\{[^}]*\}", text))


def _compared(value: Any) -> Any:
    if isinstance(value, list):
        return [_compared(item) for item in value]
    if is_intrinsic(value):
        return ("hidden", str(value[_HIDDEN])) if _HIDDEN in value else render(value)
    if isinstance(value, dict):
        return {str(key): _compared(item) for key, item in value.items()}
    return "" if value is None else scalar(value)


def _reference(name: Any, scope: Scope) -> Any:
    if name == "AWS::NoValue":
        return MISSING
    if name not in scope.values:
        return {"Ref": name}
    value = scope.values[name]
    if value is None:
        return {_UNKNOWN: name}
    if name in scope.hidden:
        return {_HIDDEN: value}
    return [item.strip() for item in value.split(",")] if name in scope.lists else value


def _substitute(inner: Any, scope: Scope) -> Any:
    text = _text_of(inner)
    own = {key: resolve(item, scope) for key, item in inner[1].items()} if isinstance(inner, list) else {}
    parts = {name: own.get(name, _reference(name, scope)) for mark, name in _PLACE.findall(text) if not mark}
    for marker in (_UNKNOWN, _HIDDEN):
        if any(isinstance(item, dict) and marker in item for item in parts.values()):
            known = [str(scope.values.get(name)) for name in parts if name in scope.values]
            return {marker: "|".join([text, *known])}

    def put(found: re.Match[str]) -> str:
        value = parts.get(found[2])
        if found[1]:
            return found[0]
        return found[0] if is_intrinsic(value) and not own.get(found[2]) else render(value)

    result = _PLACE.sub(put, text)
    if any(not mark for mark, _ in _PLACE.findall(result)):
        return {"Fn::Sub": result}
    return result.replace("${!", "${")


def _substituted(inner: Any) -> str:
    return _text_of(inner).replace("${!", "${")


def _text_of(inner: Any) -> str:
    return str(inner[0]) if isinstance(inner, list) else str(inner)


def _attribute(inner: Any, _scope: Scope) -> Any:
    return {"Fn::GetAtt": inner.split(".", 1) if isinstance(inner, str) else inner}


def _choose(inner: Any, scope: Scope) -> Any:
    name, then, otherwise = inner
    holds = scope.holds(name)
    if holds is None:
        return {"Fn::If": [name, render(resolve(then, scope)), render(resolve(otherwise, scope))]}
    return resolve(then if holds else otherwise, scope)


def _join(inner: Any, scope: Scope) -> Any:
    mark, parts = scalar(inner[0]), resolve(inner[1], scope)
    if isinstance(parts, list) and not any(isinstance(item, dict | list) for item in parts):
        return mark.join(scalar(item) for item in parts)
    return {"Fn::Join": [mark, parts]}


def _split(inner: Any, scope: Scope) -> Any:
    text = resolve(inner[1], scope)
    return text.split(scalar(inner[0])) if isinstance(text, str) else {"Fn::Split": [scalar(inner[0]), text]}


def _select(inner: Any, scope: Scope) -> Any:
    index, items = resolve(inner[0], scope), resolve(inner[1], scope)
    if isinstance(items, list) and scalar(index).isdigit() and int(index) < len(items):
        return items[int(index)]
    return {"Fn::Select": [index, items]}


def _as_it_is(name: str) -> Callable[[Any, Scope], Any]:
    return lambda inner, scope: {name: resolve(inner, scope)}


def _truth(condition: Any, scope: Scope) -> bool | None:
    if not is_intrinsic(condition):
        return None
    name: str
    name, inner = next(iter(condition.items()))
    if name == "Condition":
        return scope.holds(inner)
    if name == "Fn::Equals":
        one, other = (resolve(item, scope) for item in inner)
        return None if isinstance(one, dict | list) or isinstance(other, dict | list) else same(one, other)
    known: list[bool | None] = [_truth(item, scope) for item in inner]
    if name == "Fn::Not":
        return None if known[0] is None else not known[0]
    decisive: bool = name == "Fn::Or"  # one such value decides it
    if decisive in known:
        return decisive
    return None if any(each is None for each in known) else not decisive


_FUNCTIONS: dict[str, Callable[[Any, Scope], Any]] = {
    "Ref": _reference, "Fn::Sub": _substitute, "Fn::GetAtt": _attribute, "Fn::If": _choose, "Fn::Join": _join,
    "Fn::Split": _split, "Fn::Select": _select,
}  # fmt: skip
