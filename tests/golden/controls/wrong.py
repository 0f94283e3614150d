"""Wrong values for a right one, by its type alone. This knows no control and no resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

OPPOSITES = {"true": "false", "Allow": "Deny", "Enabled": "Suspended", "ENABLED": "DISABLED", "on": "off"}
OPPOSITES |= {wrong: right for right, wrong in OPPOSITES.items()}


def wrong_values(value: Any) -> Iterator[Any]:
    """Values of the same kind that are not `value`: the other boolean, the next numbers, the opposite word or another
    one, another reference; a list or mapping emptied, with a part missing, with a part that is itself wrong.
    """
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value - 1, value + 1)
    elif isinstance(value, str):
        yield from _wrong_text(value)
    elif isinstance(value, list):
        yield from _wrong_list(value)
    elif isinstance(value, dict):
        yield from _wrong_mapping(value)


def is_intrinsic(value: Any) -> bool:
    """`{"Ref": …}` or `{"Fn::…": …}`."""
    return isinstance(value, dict) and len(value) == 1 and str(next(iter(value))).startswith(("Ref", "Fn::"))


def _wrong_text(value: str) -> Iterator[str]:
    if value in OPPOSITES:
        yield OPPOSITES[value]
    elif value.isdigit():
        yield str(int(value) + 1)
    else:
        yield "another"
    if value:
        yield ""


def _wrong_list(value: list[Any]) -> Iterator[Any]:
    if value:
        yield []
    for index, item in enumerate(value):
        if len(value) > 1:
            yield [*value[:index], *value[index + 1 :]]
        for other in wrong_values(item):
            yield [*value[:index], other, *value[index + 1 :]]


def _wrong_mapping(value: dict[Any, Any]) -> Iterator[Any]:
    if is_intrinsic(value):
        yield from ("another", {"Ref": "Another"})
        return
    if value:
        yield {}
    for key, item in value.items():
        if len(value) > 1:
            yield {name: other for name, other in value.items() if name != key}
        for other in wrong_values(item):
            yield {**value, key: other}
