"""`environments.yaml` -> `Configuration`: all problems at once, each with file, line, key path and what to write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from opsctl.config import located, on_disk, sharing, slow_clients
from opsctl.config.checked import Known, check
from opsctl.config.located import KeyPath, Located
from opsctl.config.models import Environment
from opsctl.config.naming import artifact_folder
from opsctl.config.nearest import closest, near, nearest
from opsctl.errors import ConfigError, UsageError

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
        where = f"{file}:{self.line}: {self.path}" if self.path else f"{file}:{self.line}"
        return f"{where}: {self.what}. {self.fix}"


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


def load(path: Path, *, known: Known | None = None, checkout: bool = False) -> Configuration:
    """Read and check the file. Raises ConfigError; every problem found is in its detail.

    `known` are the names that the SDK has; without them an unknown region is not noticed here. With `checkout` the
    notes also tell what the project lacks that the file names, and that its web's server waits for slow clients.
    """
    return _Loader(path, known or Known(), checkout=checkout).load()


class _Loader:
    def __init__(self, path: Path, known: Known, *, checkout: bool) -> None:
        self._path = path
        self._known = known
        self._checkout = checkout
        self._issues: dict[tuple[int, str, str], Issue] = {}
        self._left_out: list[KeyPath] = []
        self._notes: dict[tuple[int, KeyPath], str] = {}

    def load(self) -> Configuration:
        root, faults = located.read_yaml(self._path)
        for fault in faults:
            self._left_out.append(fault.path)
            self._issue(fault.line, ".".join(str(part) for part in fault.path), fault.what, fault.fix)
        blocks = self._blocks(root)
        environments: dict[str, Environment] = {}
        for name, block in blocks.items():
            environment = self._environment(name, block)
            if environment is not None:
                environments[name] = environment
        # By the names in the file: an environment whose name is refused was given another one, which no block has.
        named = {name: env.model_copy(update={"name": name}) for name, env in environments.items()}
        for name, problem in (*sharing.repositories(named), *sharing.promotions(named), *sharing.names(named)):
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
            raise ConfigError(
                f"{self._path}:{root.line}: the file must hold `defaults` and `environments`.",
                hint="`opsctl init` writes one for a Django project.",
            )
        for key, item in root.value.items():
            if key not in TOP_LEVEL:
                self._issue(item.line, key, "this key is not known", _home(key, item))
        defaults = self._mapping(_meant(root, "defaults") or Located({}, root.line), "defaults")
        defaults = defaults or Located({}, root.line)
        if "name" in defaults.value:
            self._issue(
                defaults.value["name"].line,
                "defaults.name",
                "the name is the key under `environments`",
                "Remove it.",
            )
        found: dict[str, Located] = {}
        for name, block in self._named(root).items():
            own = self._mapping(block, f"environments.{name}")
            if own is not None:
                found[name] = located.merge(defaults, own)
        return found

    def _named(self, root: Located) -> dict[str, Located]:
        """What stands below `environments`."""
        environments = _meant(root, "environments")
        if environments is not None and environments.value:
            mapping = self._mapping(environments, "environments")
            named: dict[str, Located] = mapping.value if mapping else {}
            return named
        # Not when it may be what was left out.
        if not any(len(path) < 3 for path in self._left_out):
            line = environments.line if environments else root.line
            fix = "Write `environments:` and below it `dev:`."
            self._issue(line, "environments", "at least one environment is needed", fix)
        return {}

    def _mapping(self, node: Located, path: str) -> Located | None:
        """A block, empty where nothing stands below its key; None, and told, where it is something else."""
        if node.value is None:
            return Located({}, node.line, node.written)
        if isinstance(node.value, dict):
            return node
        self._issue(node.line, path, "this must be a mapping", "Write `key: value` lines below it.")
        return None

    def _default(self, root: Located, names: list[str]) -> str | None:
        node = root.value.get("default_environment") if isinstance(root.value, dict) else None
        if node is None or not names:
            return None
        named = str(node.text)  # as it is spelled: `no` and `1` are names too
        if named in names:
            return named
        if node.text is None or node.value is None:
            what = "this is no name" if node.text is None else "nothing is written here"
        else:
            what = f"there is no environment `{node.text}`"
        self._issue(node.line, "default_environment", what, nearest(node.text or "", names))
        return None

    def _environment(self, name: str, block: Located) -> Environment | None:
        """One block's environment, with what is wrong in it told."""
        checked = check(name, block, self._faulty(name), self._known)
        for path, what, fix in checked.findings:
            self._add(block, path, what, fix)
        for path, said, _ in checked.notes:
            self._note(block, path, said)
        environment = checked.environment
        if environment and self._checkout:
            root, application = self._path.parent, environment.application
            for problem in (*on_disk.missing(root, application), *slow_clients.held(root, application)):
                self._note(block, problem.path, f": {problem.what}. {problem.fix}")
        return environment

    def _faulty(self, name: str) -> set[KeyPath]:
        """Paths in an environment of what was left out of the tree: its own, and those of `defaults`."""
        mine = ("environments", name)
        return {path[1:] for path in self._left_out if path[:1] == ("defaults",)} | {
            path[2:] for path in self._left_out if path[:2] == mine and path[2:]
        }

    def _add(self, block: Located, path: KeyPath, what: str, fix: str) -> None:
        if path[:1] == ("name",):  # which is the block's key
            line, written = block.line, (*block.written, *(["name"] if path[1:] else []))
        else:
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


def _meant(root: Located, name: str) -> Located | None:
    """What stands under a key of the file, or under one that was meant to be it."""
    found: Located | None = root.value.get(name)
    if found is not None and found.value:
        return found
    meant = (key for key in root.value if key not in TOP_LEVEL and closest(key, TOP_LEVEL) == name)
    return next((root.value[key] for key in meant), found)


def _home(key: str, item: Located) -> str:
    """Where a key belongs that stands at the left margin."""
    if found := near(key, TOP_LEVEL):
        return found
    if key in {field.alias or name for name, field in Environment.model_fields.items()}:
        return "Write it below `defaults`, or below an environment."
    if isinstance(item.value, dict):
        return f"Write an environment below `environments:`, indented; valid here: {', '.join(TOP_LEVEL)}."
    return nearest(key, TOP_LEVEL)
