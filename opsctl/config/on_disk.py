"""What the `application` block names and the checkout lacks.

Told, not refused: environments.yaml can be checked without the project beside it, and a build may make what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.config.application_rules import process_path
from opsctl.config.exports import export_for
from opsctl.config.located import KeyPath
from opsctl.config.nearest import near
from opsctl.config.problem import Problem

if TYPE_CHECKING:
    from opsctl.config.application import Application

_HERE = ("application",)
# Where a project's modules lie, seen from its folder and from manage.py's.
_SOURCES = ("", "src", "apps")


def missing(root: Path, application: Application) -> Iterator[Problem]:
    """Files, folders and modules that are not below `root`, where environments.yaml lies."""
    if application.image is not None:
        return
    folder = root / application.path
    if not folder.is_dir():
        fix = _near(root, application.path) or "Write the folder that manage.py is in or below."
        yield Problem((*_HERE, "path"), f"there is no folder `{application.path}` beside this file", fix)
        return
    if application.dockerfile is not None:
        yield from _file(root, application.dockerfile, (*_HERE, "dockerfile"), "beside this file")
    for name in application.requirements or ():
        yield from _file(folder, name, (*_HERE, "requirements"), f"in application.path, `{application.path}`")
    named: dict[KeyPath, str | None] = {(*_HERE, "settings"): application.settings}
    named |= {(*process_path(application, name), "settings"): each.settings for name, each in application.processes()}
    for path, module in named.items():
        if module is not None and not _holds(folder, module):
            yield Problem(
                path,
                f"no file below `{application.path}` is the module {module}",
                "Write the one that manage.py or wsgi.py names, unless a package that is installed brings it.",
            )


def _file(folder: Path, name: str, path: KeyPath, where: str) -> Iterator[Problem]:
    if not (folder / name).is_file():
        export = export_for(folder / name)
        fix = f"Run `{export}` there." if export else _near(folder, name) or "Write one that is there."
        yield Problem(path, f"there is no file `{name}` {where}", fix)


def _near(folder: Path, name: str) -> str:
    """A name like this one in the same place."""
    place = (folder / name).parent
    return near(name, [each.relative_to(folder).as_posix() for each in place.iterdir()] if place.is_dir() else [])


def _holds(folder: Path, module: str) -> bool:
    """Whether the module may be there: as a file, or as a folder, of which only Python knows what it makes."""
    name = module.replace(".", "/")
    homes = [folder, *(found.parent for depth in ("", "*/", "*/*/") for found in folder.glob(f"{depth}manage.py"))]
    places = [home / source / name for home in homes for source in _SOURCES]
    return any(place.is_dir() or place.with_name(f"{place.name}.py").exists() for place in places)
