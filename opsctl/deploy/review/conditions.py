"""Conditions of IAM statements: whether one asks for at least what another does.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opsctl.deploy.review.values import is_intrinsic, render

# For each operator another one that is at least as strict with the same values: to demand equality it is the one
# without patterns, to forbid it the one with patterns.
_PATTERNS = {"StringLike": "StringEquals", "ArnLike": "ArnEquals", "ArnEquals": "ArnLike"}
_BACKWARDS = {"StringNotEquals": "StringNotLike", "ArnNotLike": "ArnNotEquals", "ArnNotEquals": "ArnNotLike"}
_WILD = {"StringLike", "StringNotLike", "ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals"}
_BELOW = ("LessThan", "LessThanEquals")
_ABOVE = ("GreaterThan", "GreaterThanEquals")


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of a condition with its values; keys know no case."""

    operator: str
    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.operator} {self.key} {', '.join(self.values)}"


def conditions_of(block: Any) -> tuple[Condition, ...]:
    """The conditions of a statement, in an order of their own."""
    if is_intrinsic(block) or not isinstance(block, dict):
        return (Condition("as", "it", (render(block),)),) if block else ()
    found = []
    for operator, keys in block.items():
        for key, value in keys.items() if isinstance(keys, dict) else ():
            values = value if isinstance(value, list) else [value]
            found.append(Condition(str(operator), str(key).lower(), tuple(sorted(render(item) for item in values))))
    return tuple(sorted(found, key=str))


def implied(wanted: Condition, given: Sequence[Condition]) -> bool:
    """Whether whoever meets the conditions `given` meets `wanted` as well."""
    return any(each.key == wanted.key and _stricter(each, wanted) for each in given)


def _stricter(given: Condition, wanted: Condition) -> bool:
    """Whether `given` lets pass nothing that `wanted` would not."""
    one, other = (_parts(each.operator) for each in (given, wanted))
    if one.quantifier != other.quantifier or (one.if_exists and not other.if_exists):
        return False
    if other.name != one.name and one.name not in {_PATTERNS.get(other.name), _BACKWARDS.get(other.name)}:
        return False
    if given.values == wanted.values:
        return True
    if re.match(r"(Numeric|Date)(Less|Greater)", other.name):
        return one.name == other.name and _bound(given, wanted, above=any(each in other.name for each in _ABOVE))
    if "Not" in other.name:
        return all(any(_takes(one.name, mine, theirs) for mine in given.values) for theirs in wanted.values)
    return all(any(_takes(other.name, theirs, mine) for theirs in wanted.values) for mine in given.values)


@dataclass(frozen=True, slots=True)
class _Operator:
    quantifier: str
    name: str
    if_exists: bool


def _parts(operator: str) -> _Operator:
    quantifier, _, name = operator.rpartition(":")
    return _Operator(quantifier, name.removesuffix("IfExists"), name.endswith("IfExists"))


def _takes(operator: str, outer: str, inner: str) -> bool:
    if outer == inner:
        return True
    if "IgnoreCase" in operator or operator == "Bool":
        return outer.lower() == inner.lower()
    if "IpAddress" in operator:
        return holds_network(outer, inner)
    if operator not in _WILD:
        return False
    parts = (".*" if sign == "*" else "[^*]" if sign == "?" else re.escape(sign) for sign in outer)
    return re.fullmatch("".join(parts), inner, re.DOTALL) is not None


def holds_network(outer: str, inner: str) -> bool:
    """Whether the addresses of the one are those of the other or more; False where one of them is no network."""
    try:
        one, other = ipaddress.ip_network(outer, strict=False), ipaddress.ip_network(inner, strict=False)
    except ValueError:
        return False
    return one.version == other.version and other.subnet_of(one)  # type: ignore[arg-type]


def _bound(given: Condition, wanted: Condition, *, above: bool) -> bool:
    try:
        mine, theirs = ([float(item) for item in each.values] for each in (given, wanted))
    except ValueError:
        return False
    return min(mine) >= min(theirs) if above else max(mine) <= max(theirs)
