"""What of the checkout a person should know before an image is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.images.checkout.project import Project
    from opsctl.operate.target import Target

_SHOWN = 5


def makes_image(target: Target, image_tag: str | None) -> bool:
    """Whether a deploy makes its image of the checkout; of one that is there already nothing is known."""
    return image_tag is None and (target.is_local or target.env.ecs.build_on_deploy)


def untracked_notes(project: Project) -> list[str]:
    """Files that stay behind."""
    return _found(project, lambda: _left_out(project.untracked))


def database_notes(project: Project) -> list[str]:
    """A database that would stay behind. Reads all files of the settings; nothing of the project is run."""
    return _found(project, lambda: _sqlite(project))


def _found(project: Project, look: Callable[[], list[str]]) -> list[str]:
    if project.application.image is not None:
        return []
    try:
        return look()
    except OpsctlError:  # told by the build, if it comes to that
        return []


def _left_out(names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [
        f"Not in the image, since git tracks none of them: {', '.join(names[:_SHOWN])}{more}. "
        "`git add` includes what belongs to the application."
    ]


def _sqlite(project: Project) -> list[str]:
    from opsctl.project import settings  # a deploy that changes nothing needs none of this
    from opsctl.project.filling import is_sqlite_only
    from opsctl.project.reading import Reader

    reader, module = Reader(project.folder), project.application.settings
    found = settings.read(reader, project.manage, module) if module else settings.find(reader, project.manage, None)
    if not is_sqlite_only(found):
        return []
    return [
        f"The project keeps its data in SQLite ({found.assigned['DATABASES'].source}), in a file that the next deploy "
        "throws away. Take the database from variables: PGHOST and its like are there; ${database.url} is a URL. "
        "After that run `opsctl db migrate` once: deploys take the migrations for applied, as they were to the file."
    ]
