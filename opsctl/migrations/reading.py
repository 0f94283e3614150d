"""The migrations among the files of a project, each with its verdict, in the order in which Django applies them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

from opsctl.migrations import operations
from opsctl.migrations.history import App
from opsctl.migrations.syntax import MigrationClass, migration_class
from opsctl.migrations.verdict import Finding, Migration


@dataclass(frozen=True, slots=True)
class _File:
    id: str
    stem: str
    content: bytes


def migration_id(name: str, content: bytes) -> str:
    """By name and content: what one image lacks, another may bring."""
    return hashlib.sha256(f"{name}\0".encode() + content).hexdigest()[:12]


def is_migration(name: str) -> bool:
    """Whether a file of a project, by its path with `/`, is a migration."""
    place = PurePosixPath(name)
    return place.parent.name == "migrations" and place.suffix == ".py" and place.name != "__init__.py"


def read_migrations(files: Iterable[tuple[str, Path]]) -> tuple[Migration, ...]:
    """A verdict on each migration among `(path with /, file)`. Reads; runs nothing."""
    apps: dict[str, list[_File]] = {}
    for name, path in files:
        if is_migration(name):
            content, place = path.read_bytes(), PurePosixPath(name)
            folder = place.parent.parent.as_posix()
            apps.setdefault(folder, []).append(_File(migration_id(name, content), place.stem, content))
    return tuple(found for folder, listed in sorted(apps.items()) for found in _app(_label(folder, apps), listed))


def _label(folder: str, folders: Collection[str]) -> str:
    """Django's default: the last part of the app's name; of two that share it, their paths."""
    last = PurePosixPath(folder).name or "app"
    same = [each for each in folders if (PurePosixPath(each).name or "app") == last]
    return last if len(same) == 1 else folder.replace("/", ".")


def _app(label: str, files: list[_File]) -> Iterator[Migration]:
    classes: dict[str, MigrationClass | None] = {}
    unread: set[str] = set()
    for each in files:
        if each.stem[0] in "_~":  # Django passes them over: what migrations share
            classes[each.stem] = None
            continue
        try:
            classes[each.stem] = migration_class(each.content)
        except (SyntaxError, ValueError, RecursionError):
            unread.add(each.stem)
            classes[each.stem] = None
    app, by_name = App(label), {each.stem: each for each in files}
    for stem in _ordered(label, classes):
        found = classes[stem]
        if stem in unread:
            yield Migration(by_name[stem].id, f"{label}.{stem}", (Finding("unknown", "is no Python that can be read"),))
        elif found is None:
            yield Migration(by_name[stem].id, f"{label}.{stem}")  # what migrations share
        else:
            yield _judged(app, by_name[stem], found, known=classes)


def _ordered(label: str, classes: Mapping[str, MigrationClass | None]) -> list[str]:
    """As Django applies them, as far as this app's own dependencies tell; else by name."""
    graph = {
        stem: sorted(other for app, other in found.dependencies if app == label and other in classes) if found else []
        for stem, found in sorted(classes.items())
    }
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:
        return sorted(classes)


def _judged(app: App, file: _File, found: MigrationClass, *, known: Mapping[str, object]) -> Migration:
    name = f"{app.label}.{file.stem}"
    # Django notes it as applied wherever those that it replaces are, and runs nothing of it there, but elsewhere.
    replaces = tuple(f"{app.label}.{stem}" for _, stem in found.replaces)
    if replaces and all(stem in known for _, stem in found.replaces):
        return Migration(file.id, name)
    if found.operations is None:
        what = "has operations that are put together by code"
        return Migration(file.id, name, () if found.additive else (Finding("unknown", what),), replaces=replaces)
    told: list[Finding] = []
    if not found.whole:
        told.append(Finding("unknown", "is changed by code beside its operations"))
    made: list[str] = []
    for operation in found.operations:
        told += [each for each in operations.findings(app, operation) if each.model not in made]
        made += operations.created(app, operation)
        app.apply(operation)
    left = [each for each in told if not (found.additive and each.verdict == "unknown")]
    return Migration(file.id, name, tuple(dict.fromkeys(left)), tuple(made), replaces)
