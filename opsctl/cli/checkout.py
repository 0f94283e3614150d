"""What of the checkout a person should know before an image is made of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.images.checkout.project import Project
    from opsctl.operate.target import Target

_SHOWN = 5


def makes_image(target: Target, image_tag: str | None) -> bool:
    """Whether a deploy makes its image of the checkout; of one that is there already nothing is known."""
    return image_tag is None and (target.is_local or target.env.ecs.build_on_deploy)


def checkout_notes(target: Target) -> list[str]:
    """What to know of the files before an image is made of them."""
    runs_here = False
    with suppress(OSError):  # a state folder of another user: the deploy names it
        runs_here = target.is_local and target.local.runtime == "processes"
    return [*untracked_notes(target.project), *(suspect_notes(target.project) if runs_here else [])]


def untracked_notes(project: Project) -> list[str]:
    """Files that stay behind; and what is shipped of a folder in which git tracks none."""
    return _found(project, lambda: [*_left_out(project.untracked), *_loose(project)])


def suspect_notes(project: Project) -> list[str]:
    """What an image of this checkout would be refused for, where none is made: processes of this machine run it."""
    return _found(project, lambda: _suspect(project.shipment.suspects))


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
    return [
        f"Not in the image, since git tracks none of them: {_some(names)}. "
        "`git add` includes what belongs to the application."
    ]


def _loose(project: Project) -> list[str]:
    if project.is_vouched_for:
        return []
    files, kept = list(project.shipment.files), project.shipment.kept
    tops = list(dict.fromkeys(f"{name.partition('/')[0]}/" if "/" in name else name for name in files))
    said = [
        f"git tracks nothing in {project.folder}, so whatever lies there is shipped, {len(files)} files: "
        f"{_some(tops, 3 * _SHOWN)}. With `git add` only what is tracked is."
    ]
    if kept:
        shown = [f"{name} {why}" for name, why in kept.items()]
        said.append(f"Not in the image: {'; '.join(shown[:_SHOWN])}{_more(shown)}. --allow-file PATH ships one.")
    return said if files else []


def _suspect(found: dict[str, str]) -> list[str]:
    if not found:
        return []
    shown = [f"{name} {why}" for name, why in found.items()]
    return [
        f"Runs on this machine; no image would be built with it: {'; '.join(shown[:_SHOWN])}{_more(shown)}. "
        "Leave it out with application.exclude, or name the file in application.include if it belongs there."
    ]


def _some(names: list[str], shown: int = _SHOWN) -> str:
    return f"{', '.join(names[:shown])}{_more(names, shown)}"


def _more(names: list[str], shown: int = _SHOWN) -> str:
    return f" and {len(names) - shown} more" if len(names) > shown else ""


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
        "throws away. Take the database from variables: PGHOST and its like are there; ${database.url} is a URL."
    ]
