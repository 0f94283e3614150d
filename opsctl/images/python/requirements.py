"""Files that say what the application requires, with those that they lead to."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from opsctl.config.exports import export_for
from opsctl.config.pinned import with_names
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError

_CANDIDATES = ("uv.lock", "requirements.txt", "pyproject.toml")
_REQUIREMENT = re.compile(r"^[A-Za-z0-9][^\n\\]*(?:\\\n[^\n\\]*)*", re.MULTILINE)
_INCLUDED = re.compile(r"^(\s*(?:-r|-c|--requirement|--constraint)[\s=]+)(\S+)", re.MULTILINE)


def required_by(project: Project) -> list[Path]:
    """The files that say what is required, as configured or as found. Raises BuildError when one is missing."""
    given = project.application.requirements
    if given is None:
        found = next((project.folder / name for name in _CANDIDATES if (project.folder / name).is_file()), None)
        return [found] if found is not None else []
    missing = [name for name in given if not (project.folder / name).is_file()]
    if missing:
        export, here = export_for(project.folder / missing[0]), project.application.path
        raise BuildError(
            f"{', '.join(missing)} is not there, and application.requirements names it.",
            code="requirements-missing",
            hint=f"Run `{export}` in application.path, `{here}`, and commit {missing[0]}."
            if export
            else f"Name a file that is there; names count from application.path, `{here}`.",
        )
    return [project.folder / name for name in given]


def has_hashes(path: Path) -> bool:
    """Whether every requirement of a file is pinned by hash, which pip then demands of all."""
    if path.suffix != ".txt":
        return False
    text = re.sub(r"^\s*#.*$", "", read_requirements(path), flags=re.MULTILINE)
    found = [each for each in _REQUIREMENT.findall(text) if each.strip()]
    return bool(found) and all("--hash=" in each for each in found)


def followed(inputs: list[Path]) -> list[Path]:
    """The files and those that they name by -r and -c."""
    found: dict[Path, None] = {}
    waiting = list(inputs)
    while waiting:
        path = waiting.pop(0)
        if path in found or not path.is_file():
            continue
        found[path] = None
        if path.suffix in {".txt", ".in"}:
            waiting += [path.parent / name for _, name in _INCLUDED.findall(read_requirements(path))]
    return list(found)


def named_copies(inputs: list[Path], folder: Path) -> list[Path]:
    """The same requirements, from Git by name too: where it stands in `#egg=` uv would run code to learn it.

    Files in which all have a name are taken as they are.
    """
    texts = {path: read_requirements(path) for path in followed(inputs) if path.suffix in {".txt", ".in"}}
    if all(with_names(text) == text for text in texts.values()):
        return inputs
    copies = {path: folder / f"{number}-{path.name}" for number, path in enumerate(texts)}
    for path, text in texts.items():

        def included(line: re.Match[str], parent: Path = path.parent) -> str:
            return f"{line[1]}{copies.get(parent / line[2], parent / line[2])}"

        copies[path].write_text(_INCLUDED.sub(included, with_names(text)), encoding="utf-8")
    return [copies.get(path, path) for path in inputs]


def read_requirements(path: Path) -> str:
    """A file's text, whatever it is written in; pip and uv go by the mark that Windows puts first as well."""
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    return content.decode(encoding, errors="replace").replace("\r\n", "\n")
