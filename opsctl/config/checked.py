"""One environment's block against the models and the rules: an Environment, or everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from opsctl.config import rules
from opsctl.config.located import KeyPath, Located
from opsctl.config.models import SET_BY_LOADER, Environment
from opsctl.config.moved import Moved, move
from opsctl.config.nearest import near
from opsctl.config.problem import Problem
from opsctl.config.regions import nat_type_problems, region_problems

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# Each round takes the values out that were wrong, or puts text where it is wanted; sections have at most four levels.
_ROUNDS = 8
_DECIMAL = re.compile(r"[-+]?(0|[1-9][\d_]*)(\.\d*)?")


class Finding(NamedTuple):
    """One thing wrong, or (without `fix`) worth a note; `path` as the file has it, below the environment."""

    path: KeyPath
    what: str
    fix: str


@dataclass(slots=True)
class Checked:
    """What was made of a block. `environment` is there too when single values are wrong: without these."""

    environment: Environment | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Known:
    """Names that come with the SDK: of regions, and of EC2's types, which take a moment to read."""

    regions: Collection[str] = ()
    instance_types: Callable[[], Collection[str]] = tuple


def problems(environment: Environment, known: Known) -> Iterator[Problem]:
    """Everything between the settings of one environment that AWS, or its region, would not take."""
    for rule in rules.RULES:
        yield from rule(environment)
    yield from region_problems(environment, known.regions)
    yield from nat_type_problems(environment, known.instance_types)


def check(name: str, block: Located, faulty: Collection[KeyPath], known: Known) -> Checked:
    """Validate one block; where single values are wrong, check the rules on the rest all the same.

    `faulty` are the paths of what was left out of it, since it was told already.
    """
    return _Check(name, block, faulty, known).run()


class _Check:
    def __init__(self, name: str, block: Located, faulty: Collection[KeyPath], known: Known) -> None:
        self._block, self._known = block, known
        self._moved: Moved = move({**block.plain(), "name": name})
        self._data = self._moved.data
        self._wrong = set(faulty)
        # Values that YAML took for a number, a date or a truth value where text is wanted, by path.
        self._unquoted: dict[KeyPath, object] = {}
        self._checked = Checked()

    def run(self) -> Checked:
        self._own_keys()
        for path, place in self._moved.doubles:
            self._tell(path, f"{place} is set as well", f"Remove it: {place} is its home now.")
        self._checked.notes += [Finding(path, f" {what}.", "") for path, what in self._moved.notes]
        environment = self._validated()
        if environment is not None:
            self._rules(environment)
        for path, value in self._unquoted.items():
            text = self._spelled(path)
            self._tell(
                path, f"{text} is not text: YAML takes it for {_kind(value, text)}", f'Put it in quotes: "{text}".'
            )
        self._other_numbers()
        self._checked.environment = environment
        return self._checked

    def _other_numbers(self) -> None:
        """Numbers that say another one than they look like: 010 is 8 for YAML, and 1:30 is 90."""
        for path, node in self._block.scalars():
            known = path in self._wrong or path in self._unquoted
            if type(node.value) in {int, float} and not known and not _DECIMAL.fullmatch(node.text or ""):
                digits = (node.text or "").lstrip("+0")
                fix = f"Write {digits} or {node.value}" if digits.isdecimal() else f"Write {node.value}"
                self._checked.findings.append(
                    Finding(path, f"YAML takes {node.text} for the number {node.value}", f"{fix}, as is meant.")
                )

    def _own_keys(self) -> None:
        """Keys of the model that nobody writes."""
        for key in SET_BY_LOADER:
            if key in self._data:
                self._tell((key,), "this key is not known", "Remove it: opsctl finds out by itself.")
                self._data.pop(key)
        if "name" in self._block.value and self._block.value["name"].written[:1] != ("defaults",):
            self._checked.findings.append(
                Finding(("name", ""), "the name is the key under `environments`", "Remove it.")
            )

    def _validated(self) -> Environment | None:
        from pydantic import ValidationError

        for _ in range(_ROUNDS):
            try:
                return Environment.model_validate(tuples(self._data))
            except ValidationError as error:
                self._round(error.errors(include_url=False))
        return None

    def _round(self, details: list[ErrorDetails]) -> None:
        paths = [_settable(detail["loc"]) for detail in details]
        texts = {path for detail, path in zip(details, paths, strict=True) if self._wants_quotes(detail, path)}
        for detail, path in zip(details, paths, strict=True):
            if path in texts:
                self._unquoted[path] = detail["input"]
                _put(self._data, path, self._spelled(path))
                continue
            # A list with a bad item counts as too short as well: tell the cause only.
            causes = {other for other in paths if other != path and other[: len(path)] == path}
            if causes and causes <= texts:
                continue
            self._unquoted.pop(path, None)
            if path not in self._wrong and not causes:
                self._tell(path, *self._explained(detail, path))
            self._wrong.add(path)
            _remove(self._data, path)

    def _wants_quotes(self, detail: ErrorDetails, path: KeyPath) -> bool:
        new = path not in self._wrong and path not in self._unquoted
        return detail["type"] == "string_type" and new and self._spelled(path) is not None

    def _spelled(self, path: KeyPath) -> str | None:
        """How the file spells a value that is no text for YAML; None for text, blocks and what is empty."""
        node = self._block.find(self._moved.written(path))
        return node.text if node is not None and node.value is not None and not isinstance(node.value, str) else None

    def _explained(self, detail: ErrorDetails, path: KeyPath) -> tuple[str, str]:
        from opsctl.config import explain

        what, fix = explain.explain(detail, path, self._spelled(path))
        if path == ("region",) and isinstance(detail["input"], str):
            fix = near(detail["input"], self._known.regions) or fix
        return what, fix

    def _rules(self, environment: Environment) -> None:
        for problem in problems(environment, self._known):
            if any(_overlap(path, bad) for path in (problem.path, *problem.also) for bad in self._wrong):
                continue
            path = self._moved.written(problem.path)
            if problem.certain:
                self._tell(problem.path, problem.what, problem.fix)
            else:
                self._checked.notes.append(Finding(path, f": {problem.what}. {problem.fix}", ""))

    def _tell(self, path: KeyPath, what: str, fix: str) -> None:
        self._checked.findings.append(Finding(self._moved.written(path), what, fix))


def tuples(value: Any) -> Any:
    """YAML lists as tuples: the models are frozen, and strict mode does not convert."""
    if isinstance(value, dict):
        return {key: tuples(item) for key, item in value.items()}
    return tuple(tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _kind(value: object, text: str | None) -> str:
    if isinstance(value, bool):
        said = "true" if value else "false"
        return "a truth value" if text == said else said
    if isinstance(value, int | float):
        return "a number" if str(value) == text else f"the number {value}"
    return "a date"


def _settable(loc: tuple[int | str, ...]) -> KeyPath:
    """The key path a person can edit: without pydantic's markers such as `[key]`."""
    return tuple(part for part in loc if part != "[key]")


def _put(data: dict[str, Any], path: KeyPath, value: Any) -> None:
    node: Any = data
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value


def _remove(data: dict[str, Any], path: KeyPath) -> None:
    """Take the wrong value out; a required one gets a stand-in so that the rest can be checked."""
    node: Any = data
    for depth, key in enumerate(path[:-1]):
        if isinstance(node, dict) and isinstance(node.get(key), list | tuple):
            _replace(node, path[: depth + 1])  # one bad item spoils its list
            return
        node = node.get(key) if isinstance(node, dict) else None
    if isinstance(node, dict):
        _replace(node, path)


def _replace(node: dict[str | int, Any], path: KeyPath) -> None:
    stand_ins: dict[KeyPath, Any] = {("name",): "placeholder", ("service",): "service", ("client",): "client"}
    if path[:-2] in {("application", "workers"), ("application", "jobs")}:
        stand_ins[(*path[:-1], "command")] = ["command"]
    if path in stand_ins:
        node[path[-1]] = stand_ins[path]
    else:
        node.pop(path[-1], None)


def _overlap(one: KeyPath, other: KeyPath) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]
