"""The application's packages, locked with hashes: its own lock, or `opsctl.lock` beside environments.yaml.

Most projects lock nothing. What they require is resolved once, by uv, and written down to be committed; again only
when what it was made from changes. Nothing but versions and hashes stands in it: no addresses.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opsctl.images.errors import BuildError
from opsctl.images.names import ImageName
from opsctl.images.project import Project
from opsctl.images.uv import run_uv, uv_cause

LOCK_NAME = "opsctl.lock"
DEFAULT_PYTHON = "3.13"
INSTEAD = {
    "psycopg2": "psycopg2-binary", "psycopg[c]": "psycopg[binary]", "psycopg-c": "psycopg[binary]", "uwsgi": "pyuwsgi",
}  # fmt: skip
"""Packages that are published as source alone, each with what has wheels in its place."""
_CANDIDATES = ("uv.lock", "requirements.txt", "pyproject.toml")
_HEAD = re.compile(r"^# (made from|python|base): (\S+)$", re.MULTILINE)
_REQUIREMENT = re.compile(r"^[A-Za-z0-9][^\n\\]*(?:\\\n[^\n\\]*)*", re.MULTILINE)
_SOURCE_ONLY = re.compile(
    r"(?:no usable wheels|only-binary|No (?:matching|usable) wheels?|--no-binary|no wheels)", re.I
)
_PACKAGE = re.compile(r"[`'\s]([A-Za-z0-9][A-Za-z0-9._-]*)(?:==[^\s`']+)?[`']?\s+has no (?:usable )?wheels", re.I)

Tell = Callable[[str], None]
Pin = Callable[[str], ImageName]
"""Answers an image's name with its digest."""


@dataclass(frozen=True)
class Locked:
    """Requirements with hashes, for this Python, and the base image by digest where the lock holds one."""

    path: Path
    text: str
    python: str
    base: ImageName | None = None


def python_version(project: Project) -> str:
    """`3.13`: what `application.python` says, or opsctl's default."""
    return project.application.python or DEFAULT_PYTHON


def read_lock(project: Project, *, frozen: bool, tell: Tell) -> Locked:
    """The locked requirements; resolved and written down first where they are not, or not any more.

    `frozen` refuses to write. Raises BuildError.
    """
    inputs = _inputs(project)
    if len(inputs) == 1 and not project.application.add and _has_hashes(inputs[0]):
        text = inputs[0].read_text(encoding="utf-8")
        return Locked(inputs[0], text, python_version(project), _lock_base(project))
    path, key = project.root / LOCK_NAME, _key(project, inputs)
    kept = _read(path)
    if kept.get("made from") != key:
        if frozen:
            raise BuildError(
                f"{LOCK_NAME} is {'not there' if not kept else 'older than what it was made from'}, "
                "and --locked (the default with CI set) resolves nothing.",
                code="lock-stale",
                hint=f"Run `opsctl image lock` and commit {LOCK_NAME}.",
            )
        tell(f"resolving {', '.join(each.name for each in inputs) or 'requirements'} into {LOCK_NAME}; commit it")
        _write(path, _head(key, python_version(project), kept.get("base")) + _resolve(project, inputs))
    return Locked(path, path.read_text(encoding="utf-8"), python_version(project), _lock_base(project))


def pin_base(project: Project, pin: Pin, *, frozen: bool, tell: Tell) -> ImageName:
    """The base image of this Python by digest, as `opsctl.lock` has it; asked for once and written down there."""
    wanted, path = f"python:{python_version(project)}-slim", project.root / LOCK_NAME
    kept = _read(path)
    base = kept.get("base")
    if base is not None and base.startswith(f"{wanted}@"):
        return ImageName.parse(base)
    if frozen:
        raise BuildError(
            f"{LOCK_NAME} pins no base image for Python {python_version(project)}, and --locked asks no registry.",
            code="lock-stale",
            hint=f"Run `opsctl image lock` and commit {LOCK_NAME}.",
        )
    found = pin(wanted)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    body = text[text.rindex("\n\n") + 2 :] if "\n\n" in text else ""
    _write(path, _head(kept.get("made from", "-"), python_version(project), f"{wanted}@{found.digest}") + body)
    tell(f"the base image is {wanted} ({(found.digest or '')[:19]}…), pinned in {LOCK_NAME}")
    return ImageName.parse(f"{wanted}@{found.digest}")


def _lock_base(project: Project) -> ImageName | None:
    base = _read(project.root / LOCK_NAME).get("base")
    return ImageName.parse(base) if base else None


def _inputs(project: Project) -> list[Path]:
    """The files that say what is required, as configured or as found. Raises BuildError when one is missing."""
    given = project.application.requirements
    if given is None:
        found = next((project.folder / name for name in _CANDIDATES if (project.folder / name).is_file()), None)
        return [found] if found is not None else []
    missing = [name for name in given if not (project.folder / name).is_file()]
    if missing:
        raise BuildError(
            f"{', '.join(missing)} is not there, and application.requirements names it.",
            code="requirements-missing",
            hint=f"Name a file that is there; names count from application.path, `{project.application.path}`.",
        )
    return [project.folder / name for name in given]


def _has_hashes(path: Path) -> bool:
    """Whether every requirement of a file is pinned by hash, which pip then demands of all."""
    if path.suffix != ".txt":
        return False
    text = re.sub(r"^\s*#.*$", "", path.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE)
    found = [each for each in _REQUIREMENT.findall(text) if each.strip()]
    return bool(found) and all("--hash=" in each for each in found)


def _key(project: Project, inputs: list[Path]) -> str:
    """What the lock is made from, as one hash: files with those that they lead to, additions, Python."""
    digest = hashlib.sha256(f"1\0{python_version(project)}\0{project.application.add}\0".encode())
    digest.update(f"{project.application.groups}\0{project.application.extras}\0".encode())
    for path in _followed(inputs):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def _followed(inputs: list[Path]) -> list[Path]:
    """The files and those that they name by -r and -c."""
    found: dict[Path, None] = {}
    waiting = list(inputs)
    while waiting:
        path = waiting.pop(0)
        if path in found or not path.is_file():
            continue
        found[path] = None
        if path.suffix in {".txt", ".in"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            names = re.findall(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]+(\S+)", text, re.MULTILINE)
            waiting += [path.parent / name for name in names]
    return list(found)


def _resolve(project: Project, inputs: list[Path]) -> str:
    with tempfile.TemporaryDirectory(prefix="opsctl-lock-") as temporary:
        sources: list[str] = []
        for path in inputs:
            sources.append(str(_exported(project, path, Path(temporary)) if path.name == "uv.lock" else path))
        if project.application.add:
            added = Path(temporary, "added.in")
            added.write_text("\n".join(project.application.add) + "\n", encoding="utf-8")
            sources.append(str(added))
        if not sources:
            raise BuildError(
                "There is nothing that says what the project requires.",
                code="requirements-missing",
                hint="Name its file as application.requirements in environments.yaml, or packages in application.add.",
            )
        options = [part for group in project.application.groups for part in ("--group", group)]
        options += [part for extra in project.application.extras for part in ("--extra", extra)]
        return _uv(
            project,
            ["pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate",
             "--no-emit-index-url", "--only-binary", ":all:", "--python-version", python_version(project), *options,
             *sources],
        )  # fmt: skip


def _exported(project: Project, lock: Path, folder: Path) -> Path:
    groups = [part for group in project.application.groups for part in ("--group", group)]
    extras = [part for extra in project.application.extras for part in ("--extra", extra)]
    text = _uv(
        project,
        ["export", "--quiet", "--frozen", "--format", "requirements-txt", "--no-dev", "--no-emit-project",
         "--no-hashes", "--no-header", "--no-annotate", *groups, *extras],
        cwd=lock.parent,
    )  # fmt: skip
    exported = folder / "exported.in"
    exported.write_text(text, encoding="utf-8")
    return exported


def _uv(project: Project, arguments: list[str], cwd: Path | None = None) -> str:
    done = run_uv(arguments, cwd=cwd or project.folder, secrets=project.application.build.secrets)
    if done.returncode == 0:
        return done.stdout
    lines = tuple(line.rstrip() for line in done.stderr.splitlines() if line.strip())
    text = " ".join(line.strip(" │╰─▶×") for line in lines)
    if _SOURCE_ONLY.search(text):
        name = found[1] if (found := _PACKAGE.search(text)) else "a package"
        raise BuildError(
            f"{name} has no wheel for Python {python_version(project)}, and nothing is compiled here.",
            code="no-wheel",
            hint=_way_out(name),
            detail=lines[-15:],
        )
    raise BuildError(
        f"The requirements can't be resolved: {uv_cause(lines)}",
        code="lock-failed",
        hint="Correct the requirement that is named, or see whether a package index can be reached.",
        detail=lines[-15:],
    )


def _way_out(name: str) -> str:
    instead = INSTEAD.get(name.lower().replace("_", "-"))
    if instead:
        return f"Require {instead} in its place."
    return "Require a version that has wheels, or build with a Dockerfile that application.dockerfile names."


def _read(path: Path) -> dict[str, str]:
    try:
        return dict(_HEAD.findall(path.read_text(encoding="utf-8")))
    except OSError:
        return {}


def _head(key: str, python: str, base: str | None) -> str:
    lines = [
        "# What the application's image is made of. Written by `opsctl image lock`, and by builds; to be committed.",
        f"# made from: {key}",
        f"# python: {python}",
        *([f"# base: {base}"] if base else []),
    ]
    return "\n".join(lines) + "\n\n"


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
