"""What was found in a project. Every part says from which line, so that a person can check it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Form = Literal["comma", "space", "json", "one"]
Kind = Literal["text", "integer", "number", "truth", "flag", "list", "json", "url"]
"""What settings make of a variable. `flag` is Python's bool(text), to which every text but an empty one is true."""


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A place in a file of the project."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Fact:
    """A text and where it was found."""

    value: str
    source: Source


@dataclass(frozen=True, slots=True)
class Target:
    """The setting that a variable ends up in: `DATABASES` with the keys `default`, `HOST`."""

    setting: str
    keys: tuple[str, ...] = ()
    form: Form = "comma"


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that settings read. `required`: the project does not start without it."""

    name: str
    source: Source
    required: bool
    default: str | None = None
    kind: Kind = "text"
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Assigned:
    """A setting's value as far as it can be read without running it: a literal, and the texts inside."""

    source: Source
    literal: object
    strings: tuple[str, ...] = ()
    computed: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings module, what it is made of, and what it reads."""

    module: str
    source: Source
    why: str = ""
    files: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    assigned: Mapping[str, Assigned] = field(default_factory=dict)
    wsgi: str = ""
    asgi: str = ""
    configuration: Fact | None = None
    imports_os: bool = True

    def strings(self, suffix: str) -> frozenset[str]:
        """All texts in settings whose names end so, such as `APPS`."""
        return frozenset(text for name, item in self.assigned.items() if name.endswith(suffix) for text in item.strings)


@dataclass(frozen=True, slots=True)
class Process:
    """Something to run, as another platform was told it."""

    name: str
    command: tuple[str, ...]
    source: Source
    schedule: str = ""
    singleton: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What other platforms were told. `variables` are a deployment's, `examples` a developer's."""

    web: Process | None = None
    release: tuple[Process, ...] = ()
    workers: tuple[Process, ...] = ()
    jobs: tuple[Process, ...] = ()
    variables: Mapping[str, Fact] = field(default_factory=dict)
    examples: Mapping[str, Fact] = field(default_factory=dict)
    secrets: tuple[Fact, ...] = ()
    health: Fact | None = None
    port: Fact | None = None
    dockerfile: Fact | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """A Dockerfile, as far as it says how the project runs."""

    file: str
    python: Fact | None = None
    command: Fact | None = None
    entry_point: Fact | None = None
    port: Fact | None = None
    user: Fact | None = None
    needs: Fact | None = None
    variables: Mapping[str, Fact] = field(default_factory=dict)
    reads_port: bool = False


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the project installs. `files` are what `requirements` should name, below the project's folder."""

    files: tuple[str, ...] = ()
    source: Source | None = None
    names: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    hashed: bool = False
    python: Fact | None = None
    source_only: tuple[Fact, ...] = ()
    problem: str = ""

    def has(self, *names: str) -> bool:
        """Whether one of these packages is among them."""
        return any(name in self.names for name in names)


@dataclass(frozen=True, slots=True)
class Frontend:
    """A JavaScript build that writes static files, and where it writes them, as far as that is said."""

    source: Source
    script: str
    folder: str = ""
    manager: str = "npm"


@dataclass(frozen=True, slots=True)
class Location:
    """Where the project lies: `path` is its folder, `manage` the one of manage.py, both relative to the repository."""

    name: str
    client: str
    client_is_known: bool
    path: str
    manage: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything known of a project before anything is proposed."""

    location: Location
    settings: Settings
    dependencies: Dependencies
    told: Told
    image: Image | None = None
    frontend: Frontend | None = None
    celery: Fact | None = None
    asgi: Fact | None = None
    oldest_python: Fact | None = None
    notes: tuple[str, ...] = ()
    script_with_port: str = ""
