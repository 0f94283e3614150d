"""What the project installs: which file says so, whether it is hashed, and which packages are among it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from opsctl.config.exports import FILE, pipenv_export, poetry_export
from opsctl.config.pinned import normal_name
from opsctl.images.python.lock import INSTEAD
from opsctl.project.findings import Dependencies, Fact, Source
from opsctl.project.reading import Reader, join, listing, mapping, word

_REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?")
_INCLUDE = re.compile(r"^(?:-r|--requirement)[ =]?\s*(\S+)")
# Production's before a developer's; the first that is there counts.
NAMES = (
    "requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/requirements.txt",
    "requirements-production.txt", "requirements-prod.txt", "requirements_production.txt", "requirements/base.txt",
    "requirements/main.txt", "requirements/common.txt", "requirements/default.txt", "requirements-base.txt",
    "reqs.txt", "deps.txt",
)  # fmt: skip
_MARKERS = (*NAMES, "pyproject.toml", "uv.lock", "poetry.lock", "Pipfile", "setup.py", "requirements.in")
# Packages without wheels that have a twin with wheels, by what a requirement says.
_MAX_INCLUDES = 20
# What pip-tools compiles, where its result is not kept.
_SOURCES = ("requirements.in", "requirements/production.in", "requirements/prod.in", "requirements/base.in")
# What pip can't install from as it does from requirements.
_OTHERS = ("setup.cfg", "setup.py", "environment.yml", "environment.yaml", "conda.yml", "pixi.toml")
# Groups and extras that are for production by their name.
_PRODUCTION = ("prod", "production", "deploy", "server")


@dataclass(slots=True)
class _Packages:
    names: set[str] = field(default_factory=set)
    source_only: list[Fact] = field(default_factory=list)

    def add(self, requirement: str, source: Source) -> None:
        found = _REQUIREMENT.match(requirement.strip())
        if found is None:
            return
        name = normal_name(found[1])
        extras = {normal_name(each) for each in (found[2] or "").strip("[]").split(",") if each.strip()}
        self.names |= {name, *(f"{name}[{extra}]" for extra in extras)}
        for spelled in (name, *(f"{name}[{extra}]" for extra in extras)):
            if spelled in INSTEAD:
                self.source_only.append(Fact(spelled, source))


def folder_of(reader: Reader, manage: str) -> str:
    """The nearest folder, from manage.py's upwards, that says what to install; manage.py's when none does."""
    folder = PurePosixPath(manage or ".")
    for each in (folder, *folder.parents):
        here = "" if str(each) == "." else str(each)
        if any(reader.has(join(here, name)) for name in _MARKERS):
            return here
    return manage


def find(reader: Reader, path: str, wanted: Fact | None = None) -> Dependencies:
    """What is installed, for the project in `path`; `wanted` is a file that a Dockerfile installs from."""
    project = reader.toml(join(path, "pyproject.toml"))
    packages = _Packages()
    _pyproject(reader, path, project, packages)
    files, problem = _files(reader, path, project, wanted)
    _locks(reader, path, packages, files)
    hashed = False
    for name in files:
        if name.endswith((".txt", ".in")):
            hashed = _requirements(reader, join(path, name), packages) or hashed
    source = Source(join(path, files[0])) if files else None
    return Dependencies(
        files, source, frozenset(packages.names), _groups(project), _extras(project), hashed or "uv.lock" in files,
        _python(reader, path), tuple(dict.fromkeys(packages.source_only)), problem,
    )  # fmt: skip


def _files(reader: Reader, path: str, project: dict[str, Any], wanted: Fact | None) -> tuple[tuple[str, ...], str]:
    """What to write under `requirements`, and what is wrong with it."""
    if reader.has(join(path, "uv.lock")):
        return ("uv.lock",), ""
    if wanted is not None and reader.has(join(path, wanted.value)):
        return (wanted.value,), ""
    has_table = bool(listing(mapping(project.get("project")).get("dependencies")))
    is_poetry = "dependencies" in mapping(mapping(project.get("tool")).get("poetry"))
    plain = next((name for name in NAMES if reader.has(join(path, name))), "")
    if plain and not (has_table and plain != "requirements.txt"):
        return (plain,), ""
    if has_table:
        return ("pyproject.toml",), ""
    if is_poetry:
        return (FILE,), f"Poetry's own tables are read by Poetry alone: run `{poetry_export()}`{_there(path)}"
    if reader.has(join(path, "Pipfile")):
        export = pipenv_export(locked=reader.has(join(path, "Pipfile.lock")))
        return (FILE,), f"A Pipfile is read by Pipenv alone: run `{export}`{_there(path)}"
    if source := next((name for name in _SOURCES if reader.has(join(path, name))), ""):
        return (source,), ""
    where = f"write {FILE} for more" if not path and not project else f"write {FILE} beside manage.py for more"
    if other := next((name for name in _OTHERS if reader.has(join(path, name))), ""):
        return (), f"{join(path, other)} is not read for what to install, so Django alone is: {where}"
    return (), f"No file says what to install, so Django alone is: {where}"


def _there(path: str) -> str:
    return f"{f' in {path}' if path else ''}, and commit {FILE}"


def _pyproject(reader: Reader, path: str, project: dict[str, Any], packages: _Packages) -> None:
    name = join(path, "pyproject.toml")
    table, groups = mapping(project.get("project")), mapping(project.get("dependency-groups"))
    lists = [table.get("dependencies"), *(groups[name] for name in _groups(project))]
    lists += [mapping(table.get("optional-dependencies"))[name] for name in _extras(project)]
    for each in (item for items in lists for item in listing(items)):
        if isinstance(each, str):
            packages.add(each, Source(name, reader.line_of(name, re.escape(each))))
    poetry = mapping(mapping(project.get("tool")).get("poetry"))
    for each, wanted in mapping(poetry.get("dependencies")).items():
        extras = listing(mapping(wanted).get("extras"))
        spelled = f"{each}[{','.join(map(word, extras))}]" if extras else each
        packages.add(spelled, Source(name, reader.line_of(name, rf"^\s*\"?{re.escape(each)}\"?\s*=")))
    pipfile = mapping(reader.toml(join(path, "Pipfile")).get("packages")) if reader.has(join(path, "Pipfile")) else {}
    for each, wanted in pipfile.items():
        extras = listing(mapping(wanted).get("extras"))
        spelled = f"{each}[{','.join(map(word, extras))}]" if extras else each
        packages.add(spelled, Source(join(path, "Pipfile"), reader.line_of(join(path, "Pipfile"), re.escape(each))))


def _locks(reader: Reader, path: str, packages: _Packages, files: tuple[str, ...]) -> None:
    """Names in the locks: what comes by way of another package is there as well."""
    for name in ("uv.lock", "poetry.lock"):
        if name == "uv.lock" and name not in files:
            continue
        for each in listing(reader.toml(join(path, name)).get("package") if reader.has(join(path, name)) else None):
            packages.names.add(normal_name(word(mapping(each).get("name"))))


def _requirements(reader: Reader, name: str, packages: _Packages) -> bool:
    """Read a requirements file and those it includes. Whether they are hashed."""
    waiting, done, hashed = [name], set[str](), False
    while waiting and len(done) < _MAX_INCLUDES:
        file = waiting.pop(0)
        if file in done or file.startswith("../"):
            continue
        done.add(file)
        for number, line in reader.lines(file):
            text = line.strip()
            hashed = hashed or "--hash=" in text
            included = _INCLUDE.match(text)
            if included is not None:
                waiting.append(join(str(PurePosixPath(file).parent), included[1]))
            elif text and text[0] not in "#-" and (file.endswith((".txt", ".in"))):
                packages.add(text, Source(file, number))
    return hashed


def _groups(project: dict[str, Any]) -> tuple[str, ...]:
    groups = mapping(project.get("dependency-groups"))
    return tuple(name for name in _PRODUCTION if name in groups)


def _extras(project: dict[str, Any]) -> tuple[str, ...]:
    extras = mapping(mapping(project.get("project")).get("optional-dependencies"))
    return tuple(name for name in _PRODUCTION if name in extras)


def _python(reader: Reader, path: str) -> Fact | None:
    for folder in dict.fromkeys((path, "")):
        for name, pattern in (
            (".python-version", r"^\s*(?:cpython-|python-)?(3\.\d{1,2})"),
            (".tool-versions", r"^\s*python\s+(3\.\d{1,2})"),
            ("runtime.txt", r"^\s*python-(3\.\d{1,2})"),
            ("Pipfile", r"^python_(?:full_)?version\s*=\s*\"(3\.\d{1,2})"),
        ):
            for number, line in reader.lines(join(folder, name)):
                if found := re.match(pattern, line):
                    return Fact(found[1], Source(join(folder, name), number))
    return None


def least_python(reader: Reader, path: str) -> Fact | None:
    """The oldest Python that pyproject.toml allows."""
    name = join(path, "pyproject.toml")
    project = reader.toml(name) if reader.has(name) else {}
    poetry = mapping(mapping(mapping(project.get("tool")).get("poetry")).get("dependencies"))
    for key, value in (("requires-python", mapping(project.get("project")).get("requires-python")),
                       ("python", poetry.get("python"))):  # fmt: skip
        found = re.search(r"(3\.\d{1,2})", word(value))
        if found:
            return Fact(word(value), Source(name, reader.line_of(name, rf"^\s*{key}\s*=")))
    return None
