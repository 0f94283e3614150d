"""Keys that have a new home. For one release they work where they were, with a note that names the new place."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from opsctl.config.located import KeyPath


def _same(value: Any) -> Any:
    return value


def _one(value: Any) -> Any:
    return (value,)


class Move(NamedTuple):
    """One key's old and new place; `shape` makes the new value of the old one."""

    old: KeyPath
    new: KeyPath
    shape: Callable[[Any], Any] = _same


_WEB = ("application", "web")
MOVES: tuple[Move, ...] = (
    *(
        Move(("ecs", name), (*_WEB, name))
        for name in (
            "cpu", "memory", "certificate_arn", "hosted_zone_id", "hosted_zone_name", "health", "drain",
            "cpu_target", "memory_target", "requests_target",
        )
    ),
    Move(("ecs", "container_port"), (*_WEB, "port")),
    Move(("ecs", "domain_name"), (*_WEB, "domains"), _one),
    Move(("rds", "auth"), ("application", "database", "auth")),
)  # fmt: skip
_COUNT: KeyPath = (*_WEB, "count")
_LOWEST, _HIGHEST = 1, 2  # what the old keys were when they were left out
# Of a job or a site that a file from before the block can't describe: these follow the job of the same name.
_JOB_KEYS = {"dataset_schedule": "schedule", "dataset_sources": "reads"}
_JOB = "dataset"


@dataclass(slots=True)
class Moved:
    """`data` with every key at home. `origins`: new place -> where the file has it; `notes`: `(old, what to do)`."""

    data: dict[str, Any]
    origins: dict[KeyPath, KeyPath] = field(default_factory=dict)
    notes: list[tuple[KeyPath, str]] = field(default_factory=list)
    doubles: list[tuple[KeyPath, str]] = field(default_factory=list)

    def written(self, path: KeyPath) -> KeyPath:
        """Where the file has what is at `path`: the old place of a key that was moved."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return (*self.origins[path[:length]], *path[length:])
        return path


def move(data: dict[str, Any]) -> Moved:
    """Bring old keys to their new places. A key that stands in both is in `doubles`, and the new one counts."""
    result = Moved(deepcopy(data))
    for each in MOVES:
        if _has(result.data, each.old):
            _bring(result, each.old, each.new, each.shape)
    _counts(result)
    _job(result)
    return result


def _bring(result: Moved, old: KeyPath, new: KeyPath, shape: Callable[[Any], Any] = _same) -> None:
    value, place = _take(result.data, old), ".".join(str(part) for part in new)
    if value is None:
        return
    if _has(result.data, new):
        result.doubles.append((old, place))
        return
    if _put(result.data, new, shape(value)):
        result.origins[new] = old
        result.notes.append((old, f"is now {place}"))


def _counts(result: Moved) -> None:
    olds: list[KeyPath] = [path for path in (("ecs", "min_count"), ("ecs", "max_count")) if _has(result.data, path)]
    if not olds:
        return
    lowest, highest = (_take(result.data, ("ecs", name)) for name in ("min_count", "max_count"))
    place = ".".join(str(part) for part in _COUNT)
    if _has(result.data, _COUNT):
        result.doubles += [(old, place) for old in olds]
        return
    if highest is None:
        highest = max(_HIGHEST, lowest) if isinstance(lowest, int) else _HIGHEST
    pair = (_LOWEST if lowest is None else lowest, highest)
    if _put(result.data, _COUNT, pair):
        result.origins |= {_COUNT: olds[0], (*_COUNT, 0): ("ecs", "min_count"), (*_COUNT, 1): ("ecs", "max_count")}
        result.notes += [(old, f"is now {place}: [lowest, highest]") for old in olds]


def _job(result: Moved) -> None:
    there = _has(result.data, ("application", "jobs", _JOB))
    for name, key in _JOB_KEYS.items():
        old: KeyPath = ("ecs", name)
        if not _has(result.data, old):
            continue
        if there:
            _bring(result, old, ("application", "jobs", _JOB, key))
        else:
            _take(result.data, old)
            result.notes.append((old, f"is now {key} of a job, and no job is called {_JOB}: see application.jobs"))


def _has(data: Any, path: KeyPath) -> bool:
    for key in path:
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True


def _take(data: Any, path: KeyPath) -> Any:
    for key in path[:-1]:
        data = data.get(key) if isinstance(data, dict) else None
    return data.pop(path[-1], None) if isinstance(data, dict) else None


def _put(data: dict[str, Any], path: KeyPath, value: Any) -> bool:
    """Whether it could be put there: not below something that is no block."""
    node: Any = data
    for key in path[:-1]:
        if node.get(key) is None:
            node[key] = {}
        node = node[key]
        if not isinstance(node, dict):
            return False
    node[path[-1]] = value
    return True
