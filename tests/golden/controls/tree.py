"""Places in a parsed template: finding them by a path, reading them, and a changed copy without touching the original.

A path is keys joined by `/`. A list takes `[*]` (each item, at least one), `[?]` (each item, perhaps none),
`[Key=value]` (each item whose Key is value, at least one) or `[?Key=value]` (the same, perhaps none); a number is an
index. So `LoadBalancerAttributes[Key=access_logs.s3.enabled]/Value` is one place.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Final

Location = tuple[str | int, ...]


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()
_STEP = re.compile(r"(?P<key>[^\[\]]+)?(?:\[(?P<filter>[^\]]+)\])?")


@functools.cache
def steps(path: str) -> tuple[str, ...]:
    """`Rules[Name=a]/Limit` as `("Rules", "[Name=a]", "Limit")`."""
    found: list[str] = []
    for part in path.strip("/").split("/") if path.strip("/") else []:
        match = _STEP.fullmatch(part)
        if match is None:
            raise ValueError(f"{path!r}: {part!r} is neither a key nor a filter")
        if match["key"]:
            found.append(match["key"])
        if match["filter"]:
            found.append(f"[{match['filter']}]")
    return tuple(found)


def locations(tree: Any, base: Location, path: str) -> list[Location]:
    """All places that `path` means below `base`. What is required and not there is one place that holds nothing."""
    found: list[Location] = [base]
    for step in steps(path):
        found = [place for location in found for place in _next(tree, location, step)]
    return found


def _next(tree: Any, location: Location, step: str) -> list[Location]:
    if not step.startswith("["):
        return [(*location, int(step) if step.isdigit() else step)]
    optional, condition = step[1] == "?", step.strip("[]?*")
    items = read(tree, location)
    chosen = [
        (*location, index)
        for index, item in enumerate(items if isinstance(items, list) else [])
        if not condition or _meets(item, condition)
    ]
    return chosen or ([] if optional else [(*location, step)])


def _meets(item: Any, condition: str) -> bool:
    key, _, wanted = condition.partition("=")
    value = item.get(key) if isinstance(item, dict) else None
    return wanted in value if isinstance(value, list) else value == wanted


def read(tree: Any, location: Location) -> Any:
    """The value at a place, or ABSENT."""
    for key in location:
        if isinstance(tree, dict):
            tree = tree.get(key, ABSENT)
        elif isinstance(tree, list) and isinstance(key, int) and key < len(tree):
            tree = tree[key]
        else:
            return ABSENT
    return tree


def settable(tree: Any, location: Location) -> bool:
    """Whether something can be put there: mappings may be missing on the way, items of lists may not."""
    for key in location:
        if isinstance(tree, list):
            if not isinstance(key, int) or key >= len(tree):
                return False
            tree = tree[key]
        elif isinstance(key, int) or str(key).startswith("["):
            return False
        else:
            tree = tree.get(key, {}) if isinstance(tree, dict) else {}
    return True


def with_value(tree: Any, location: Location, value: Any) -> Any:
    """A copy with `value` at a place (ABSENT removes it), sharing whatever is not on the way there."""
    key, rest = location[0], location[1:]
    if isinstance(tree, list):
        assert isinstance(key, int)
        if not rest and value is ABSENT:
            return [*tree[:key], *tree[key + 1 :]]
        return [*tree[:key], with_value(tree[key], rest, value) if rest else value, *tree[key + 1 :]]
    mapping = tree if isinstance(tree, dict) else {}
    if not rest and value is ABSENT:
        return {name: item for name, item in mapping.items() if name != key}
    return {**mapping, key: with_value(mapping.get(key, {}), rest, value) if rest else value}
