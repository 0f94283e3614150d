"""Two resolved values, down to what differs in them: mappings by key, lists by their elements' natural key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opsctl.deploy.review.values import MISSING, is_intrinsic, render, same, shown

# What tells elements of a list apart, in the order in which they are tried.
_NATURAL = (
    "Name", "Key", "Sid", "Id", "PolicyName", "ParameterName", "AttributeName", "ContainerPath", "SourceVolume",
    "DeviceName", "DomainName", "RuleName", "Description",
)  # fmt: skip
# Elements that are a name and a value only.
_VALUES = ("Value", "ValueFrom")
# The element's name, where a path ends in its value: that name says whether the value is secret.
_OF_ELEMENT = re.compile(r"\[([^\]]*)\](?:\.Value(?:From)?)?$")
# A list of more elements than this is folded to those that differ.
_WHOLE = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs. `property` is its path up to the first list, as resource schemas name it."""

    path: str
    property: str
    before: Any
    after: Any
    rest: int = 0

    def texts(self) -> tuple[str | None, str | None]:
        """Both values as people read them; None for one that is not there."""
        named = _OF_ELEMENT.search(self.path)
        key = named[1] if named else self.path.rpartition(".")[2]
        return self._text(self.before, key), self._text(self.after, key)

    def _text(self, value: Any, key: str) -> str | None:
        if value is MISSING:
            return None
        if self.rest and isinstance(value, list):
            return ", ".join([*(shown(item, key) for item in value), f"… {self.rest} as before"])
        return shown(value, key)


def differences(before: Any, after: Any, path: str = "", name: str | None = None) -> Iterator[Difference]:
    """What differs, in the order of `after`. `name` is the property's path where `path` is already in a list."""
    own = path if name is None else name
    if same(before, after):
        return
    if _is_mapping(before) and _is_mapping(after):
        for key in [*after, *(key for key in before if key not in after)]:
            inner = f"{path}.{key}" if path else str(key)
            yield from differences(before.get(key, MISSING), after.get(key, MISSING), inner, name)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(before, after, path, own)
    elif (documents := _documents(before, after)) is not None:
        yield from differences(*documents, path, own)
    else:
        yield Difference(path, own, before, after)


def _lists(before: list[Any], after: list[Any], path: str, name: str) -> Iterator[Difference]:
    if all(_is_mapping(item) for item in [*before, *after]):
        key = _natural_key(before, after)
        yield from _keyed(before, after, key, path, name) if key else _unkeyed(before, after, path, name)
        return
    gone, new = _without(before, after), _without(after, before)
    if (not gone and not new) or max(len(before), len(after)) <= _WHOLE:
        yield Difference(path, name, before, after)
    else:
        yield Difference(path, name, gone, new, len(after) - len(new))


def _keyed(before: list[Any], after: list[Any], key: str, path: str, name: str) -> Iterator[Difference]:
    old, new = ({render(item[key]): item for item in items} for items in (before, after))
    value = _value_key([*before, *after], key)
    differs = False
    for each in [*new, *(each for each in old if each not in new)]:
        pair = old.get(each, MISSING), new.get(each, MISSING)
        one, other = (item if value is None or item is MISSING else item[value] for item in pair)
        for found in differences(one, other, f"{path}[{each}]", name):
            differs = True
            yield found
    if not differs:
        yield Difference(path, name, [*old], [*new])  # the order alone


def _unkeyed(before: list[Any], after: list[Any], path: str, name: str) -> Iterator[Difference]:
    gone, new = _without(before, after), _without(after, before)
    if not gone and not new:
        yield Difference(path, name, before, after)
    for index in range(max(len(gone), len(new))):
        pair = [items[index] if index < len(items) else MISSING for items in (gone, new)]
        place = after.index(new[index]) if index < len(new) else before.index(gone[index])
        yield from differences(pair[0], pair[1], f"{path}[{place + 1}]", name)


def _natural_key(before: list[Any], after: list[Any]) -> str | None:
    for key in _NATURAL:
        names = [[render(item.get(key, "")) for item in items] for items in (before, after)]
        if all(all(found) and len(set(found)) == len(found) for found in names):
            return key
    return None


def _value_key(items: list[Any], key: str) -> str | None:
    return next((each for each in _VALUES if all(item.keys() == {key, each} for item in items)), None)


def _without(items: list[Any], others: list[Any]) -> list[Any]:
    left, found = list(others), []
    for item in items:
        twin = next((index for index, other in enumerate(left) if same(item, other)), None)
        if twin is None:
            found.append(item)
        else:
            del left[twin]
    return found


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict) and not is_intrinsic(value)


def _documents(before: Any, after: Any) -> tuple[Any, Any] | None:
    """Both as what they hold, where they are JSON in a string, such as a lifecycle policy."""
    if not (isinstance(before, str) and isinstance(after, str) and before[:1] in "{[" and after[:1] in "{["):
        return None
    try:
        found = json.loads(before), json.loads(after)
    except ValueError:
        return None
    return None if same(*found) or not all(isinstance(item, dict | list) for item in found) else found
