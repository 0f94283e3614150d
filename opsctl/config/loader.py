"""`environments.yaml` -> `Configuration`: all problems at once, each with file, line, key path and what to write."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.config import located, on_disk, rules, sharing
from opsctl.config.located import KeyPath, Located
from opsctl.config.models import Environment
from opsctl.config.moved import move
from opsctl.config.naming import artifact_folder
from opsctl.config.nearest import near, nearest
from opsctl.config.problem import Problem
from opsctl.config.regions import region_problems
from opsctl.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

TOP_LEVEL = ("default_environment", "defaults", "environments")


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong in the file. `path` is absolute: `environments.dev.ecs.cpu`."""

    line: int
    path: str
    what: str
    fix: str

    def text(self, file: str) -> str:
        """One line for a person: file, line, key path, what is wrong, what to write."""
        return f"{file}:{self.line}: {self.path}: {self.what}. {self.fix}"


class InvalidConfigurationError(ConfigError):
    """Everything that is wrong with the file, in the order of its lines."""

    def __init__(self, file: str, issues: list[Issue]) -> None:
        count = "1 problem" if len(issues) == 1 else f"{len(issues)} problems"
        super().__init__(
            f"{file} has {count}.",
            hint="Correct the lines above, then run `opsctl env validate`.",
            detail=tuple(issue.text(file) for issue in issues),
        )
        self.issues = tuple(issues)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The whole file: its environments by name and the one meant when none is named.

    `notes` say what works for one release more: keys that have a new home.
    """

    path: Path
    environments: dict[str, Environment]
    default: str | None
    notes: tuple[str, ...] = ()

    def environment(self, name: str | None) -> Environment:
        """The environment called `name`, or the file's default. Raises UsageError with the nearest valid name."""
        wanted = name or self.default
        if wanted is None:
            raise UsageError(
                "No environment was named and the file has no default_environment.",
                code="no-environment",
                hint=f"Add --env with one of {', '.join(self.environments)}.",
            )
        if wanted not in self.environments:
            raise UsageError(
                f"There is no environment `{wanted}` in {self.path}.",
                code="unknown-environment",
                hint=nearest(wanted, list(self.environments)),
            )
        return self.environments[wanted]


def load(path: Path, *, regions: Collection[str] = (), checkout: bool = False) -> Configuration:
    """Read and check the file. Raises ConfigError; every problem found is in its detail.

    `regions` are the names of AWS's regions; without them an unknown one is not noticed here. With `checkout` the notes
    also tell what the project lacks that the file names.
    """
    return _Loader(path, regions, checkout=checkout).load()


def problems(environment: Environment, regions: Collection[str]) -> Iterator[Problem]:
    """Everything between the settings of one environment that AWS, or its region, would not take."""
    for rule in rules.RULES:
        yield from rule(environment)
    yield from region_problems(environment, regions)


class _Loader:
    def __init__(self, path: Path, regions: Collection[str], *, checkout: bool) -> None:
        self._path = path
        self._regions = regions
        self._checkout = checkout
        self._issues: dict[tuple[int, str, str], Issue] = {}
        self._notes: dict[tuple[int, KeyPath], str] = {}

    def load(self) -> Configuration:
        root = located.read_yaml(self._path)
        blocks = self._blocks(root)
        environments: dict[str, Environment] = {}
        for name, block in blocks.items():
            environment = self._environment(name, block)
            if environment is not None:
                environments[name] = environment
        # One whose name is refused has another meanwhile, and its block would not be found by that.
        named = {name: env.model_copy(update={"name": name}) for name, env in environments.items()}
        for name, problem in (*sharing.repositories(named), *sharing.promotions(named)):
            self._add(blocks[name], problem.path, problem.what, problem.fix)
        default = self._default(root, list(blocks))
        if self._issues:
            raise InvalidConfigurationError(
                str(self._path), sorted(self._issues.values(), key=lambda issue: (issue.line, issue.path))
            )
        notes = tuple(text for _, text in sorted(self._notes.items(), key=lambda item: item[0][0]))
        return Configuration(self._path, _with_sharers(environments), default, notes)

    def _blocks(self, root: Located) -> dict[str, Located]:
        """Each environment's block with `defaults` merged under it."""
        if not isinstance(root.value, dict):
            raise ConfigError(f"{self._path}:{root.line}: the file must hold `defaults` and `environments`.")
        for key, item in root.value.items():
            if key not in TOP_LEVEL:
                self._issue(item.line, key, "this key is not known", nearest(key, list(TOP_LEVEL)))
        defaults = root.value.get("defaults", Located({}, root.line))
        environments = root.value.get("environments")
        if defaults.value is None:
            defaults = Located({}, defaults.line)
        if not isinstance(defaults.value, dict):
            self._issue(defaults.line, "defaults", "this must be a mapping", "Write `key: value` lines below it.")
            defaults = Located({}, defaults.line)
        if "name" in defaults.value:
            self._issue(
                defaults.value["name"].line,
                "defaults.name",
                "the name is the key under `environments`",
                "Remove it.",
            )
        if environments is None or not isinstance(environments.value, dict) or not environments.value:
            line = environments.line if environments else root.line
            if any(near(key, ["environments"]) for key in root.value if key not in TOP_LEVEL):
                return {}  # it is there under a name that was told already
            self._issue(
                line,
                "environments",
                "at least one environment is needed",
                "Write `environments:` and below it `dev:`.",
            )
            return {}
        blocks = {}
        for name, block in environments.value.items():
            own = Located({}, block.line, block.written) if block.value is None else block
            if not isinstance(own.value, dict):
                self._issue(
                    block.line,
                    f"environments.{name}",
                    "this must be a mapping",
                    "Write `key: value` lines below it.",
                )
                continue
            blocks[name] = located.merge(defaults, own)
        return blocks

    def _default(self, root: Located, names: list[str]) -> str | None:
        node = root.value.get("default_environment") if isinstance(root.value, dict) else None
        if node is None or not names:
            return None
        if node.value not in names:
            self._issue(
                node.line,
                "default_environment",
                f"there is no environment `{node.value}`",
                nearest(str(node.value), names),
            )
            return None
        return str(node.value)

    def _environment(self, name: str, block: Located) -> Environment | None:
        """Validate one block; where single values are wrong, check the rules on the rest all the same."""
        from pydantic import ValidationError

        moved = move({**block.plain(), "name": name})
        data = moved.data
        for path, place in moved.doubles:
            self._add(block, path, f"{place} is set as well", f"Remove it: {place} is its home now.")
        for path, what in moved.notes:
            self._note(block, path, f" {what}.")
        wrong: set[KeyPath] = set()
        environment: Environment | None = None
        # Each round removes the values that were wrong; a handful suffices, as sections have at most four levels.
        for _ in range(6):
            try:
                environment = Environment.model_validate(tuples(data))
                break
            except ValidationError as error:
                details = error.errors(include_url=False)
                paths = [_settable(detail["loc"]) for detail in details]
                for detail, path in zip(details, paths, strict=True):
                    # A list with a bad item counts as too short as well: tell the cause only.
                    caused = any(other != path and other[: len(path)] == path for other in paths)
                    if path not in wrong and not caused:
                        what, fix = _explain(detail, path)
                        self._add(block, moved.written(path), what, fix)
                    wrong.add(path)
                    _remove(data, path)
        if environment is None:
            return None
        for problem in problems(environment, self._regions):
            if not any(_overlap(path, bad) for path in (problem.path, *problem.also) for bad in wrong):
                self._add(block, moved.written(problem.path), problem.what, problem.fix)
        for problem in on_disk.missing(self._path.parent, environment.application) if self._checkout else ():
            self._note(block, problem.path, f": {problem.what}. {problem.fix}")
        return environment

    def _add(self, block: Located, path: KeyPath, what: str, fix: str) -> None:
        line, written = block.locate(path)
        self._issue(line, ".".join(str(part) for part in written), what, fix)

    def _note(self, block: Located, path: KeyPath, said: str) -> None:
        line, written = block.locate(path)
        self._notes.setdefault((line, path), f"{self._path}:{line}: {'.'.join(str(part) for part in written)}{said}")

    def _issue(self, line: int, path: str, what: str, fix: str) -> None:
        # A mistake in `defaults` shows in every environment; its line makes it one.
        self._issues.setdefault((line, path, what), Issue(line, path, what, fix))


def _with_sharers(environments: dict[str, Environment]) -> dict[str, Environment]:
    """Tell each environment which ones use its repository, and the repository's owner which other accounts do."""
    return {name: _with_sharers_of(env, environments) for name, env in environments.items()}


def _with_sharers_of(env: Environment, environments: dict[str, Environment]) -> Environment:
    sharers = [
        other
        for other in environments.values()
        if other.ecs.repository_name == env.ecs.repository_name and other.target == env.target
    ]
    accounts = {other.account_id for other in sharers if other.account_id not in (None, env.account_id)}
    if not env.ecs.manage_repository:
        accounts = set()
    return env.model_copy(
        update={
            "repository_reader_accounts": tuple(sorted(account for account in accounts if account)),
            "repository_environments": tuple(other.name for other in sharers),
            "repository_folders": tuple(artifact_folder(other) for other in sharers),
        }
    )


def tuples(value: Any) -> Any:
    """YAML lists as tuples: the models are frozen, and strict mode does not convert."""
    if isinstance(value, dict):
        return {key: tuples(item) for key, item in value.items()}
    return tuple(tuples(item) for item in value) if isinstance(value, list) else value


def _settable(loc: tuple[int | str, ...]) -> KeyPath:
    """The key path a person can edit: without pydantic's markers such as `[key]`."""
    return tuple(part for part in loc if part != "[key]")


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


def _explain(detail: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    """What is wrong and what to write, for one of pydantic's findings."""
    from opsctl.config import explain

    return explain.explain(detail, path)
