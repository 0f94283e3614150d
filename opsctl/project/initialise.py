"""`opsctl init`: look at a project, write its `environments.yaml`, say what was assumed, what is missing, what next.

Nothing is written over, nothing printed, nothing asked.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl.config import schema
from opsctl.errors import ConfigError, OpsctlError
from opsctl.project.decisions import Decisions, decide
from opsctl.project.findings import Findings
from opsctl.project.layout import repository_of
from opsctl.project.propose import propose
from opsctl.project.reading import Reader
from opsctl.project.recipe import IGNORE_FILE, recipe
from opsctl.project.survey import survey

FILE = "environments.yaml"
_OWN_FOLDER = ".opsctl"
_PLAIN_NAME = re.compile(r"[\w.-]+")


class UnwritableError(OpsctlError):
    """The project's folder takes no files."""

    code = "project-unwritable"


@dataclass(frozen=True, slots=True)
class Initialised:
    """What was written, and everything a person should know of it."""

    already: bool = False
    project: str = ""
    written: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return {
            "already_initialised": self.already,
            "project": self.project,
            "written": list(self.written),
            "assumed": list(self.assumed),
            "missing": list(self.missing),
            "warnings": list(self.warnings),
            "next_steps": list(self.next_steps),
        }


def initialise(root: Path, *, dockerfile: bool = False, project: str | None = None) -> Initialised:
    """Write `environments.yaml` for the Django project in `root`, and a Dockerfile if one is wanted and none is there.

    `project` is its folder, where several are in one repository. Raises OpsctlError when there is none to be found or
    `root` can't be written.
    """
    if not root.is_dir():
        raise OpsctlError(f"{root} is not a folder.", code="no-project", hint="Name the project's folder.")
    if os.path.lexists(root / FILE):
        return Initialised(
            already=True,
            warnings=(f"{FILE} is already here, so nothing was changed.",),
            next_steps=("opsctl env validate", f"To start again, move {FILE} away and run opsctl init again."),
        )
    reader = Reader(root)
    findings = survey(reader, project)
    made = decide(findings, dockerfile=dockerfile)
    written = _write(root, findings, made, dockerfile=dockerfile)
    made.warnings += _complaints(root / FILE)
    return Initialised(
        project=findings.location.manage or ".",
        written=tuple(written),
        assumed=tuple(made.assumed),
        missing=tuple(made.missing),
        warnings=tuple(made.warnings),
        next_steps=tuple(_next(root, made, written)),
    )


def _write(root: Path, findings: Findings, made: Decisions, *, dockerfile: bool) -> list[str]:
    """The files, the one that says that all is done last."""
    written = []
    text, schema_text = propose(made), schema.schema_text()
    try:
        if dockerfile and findings.image is None:
            folder = findings.location.path
            written += [
                name
                for name, content in (("Dockerfile", recipe(findings, made)), (".dockerignore", IGNORE_FILE))
                if _create(root / folder / name, content)
            ]
            written = [f"{folder}/{name}" if folder else name for name in written]
        if _ignore(root / ".gitignore", made):
            written.append(".gitignore")
        _replace(root / schema.SCHEMA_FILE, schema_text.encode())
        if not _create(root / FILE, text):
            raise UnwritableError(
                f"{FILE} appeared while opsctl looked at the project.", hint="Look at it, then try again."
            )
    except OSError as error:
        raise UnwritableError(
            f"The project's folder can't be written: {error.strerror or error}.",
            hint="Check whose it is, and whether its disk is full.",
        ) from None
    return [FILE, schema.SCHEMA_FILE, *written]


def _create(path: Path, text: str) -> bool:
    """Write a new file in one step; False when there is one."""
    temporary = _temporary(path, text.encode())
    try:
        os.link(temporary, path)  # unlike a rename, refused when the name is taken
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def _replace(path: Path, content: bytes) -> None:
    temporary = _temporary(path, content)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise


def _temporary(path: Path, content: bytes) -> Path:
    """The content beside `path`, with the rights that a new file would have, or those of the one that is there."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    made = Path(name)
    try:
        with made.open("wb") as file:
            file.write(content)
        mask = os.umask(0o077)
        os.umask(mask)
        made.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
    except OSError:
        made.unlink()
        raise
    return made


def _ignore(path: Path, made: Decisions) -> bool:
    """Add to .gitignore what is of this machine alone, unless it is there; whether anything was added."""
    # Who has a file decided about caches of Python; who has none never thought of them.
    caches = [] if os.path.lexists(path) else ["__pycache__"]
    ignored = [_OWN_FOLDER, *caches, *_virtualenvs(path.parent)]
    if path.is_symlink() or (path.exists() and not path.is_file()):
        text = ", ".join(f"{name}/" for name in ignored)
        made.warnings.append(f".gitignore is no regular file, so it was left alone; add {text} to what git ignores.")
        return False
    before = path.read_bytes() if path.exists() else b""
    lines = {line.strip().decode("utf-8", "replace") for line in before.splitlines()}
    lacking = [name for name in ignored if not _ways_to_ignore(name) & lines]
    if not lacking:
        return False
    newline = b"\r\n" if b"\r\n" in before else b"\n"
    gap = newline if before and not before.endswith((b"\n", b"\r")) else b""
    _replace(path, before + gap + b"".join(f"{name}/".encode() + newline for name in lacking))
    return True


def _virtualenvs(folder: Path) -> list[str]:
    """Virtual environments beside the project's files that don't ignore themselves: `git add .` would ship them."""
    found = [mark.parent for mark in folder.glob("*/pyvenv.cfg") if not mark.parent.is_symlink()]
    return sorted(
        each.name for each in found if _PLAIN_NAME.fullmatch(each.name) and not (each / ".gitignore").exists()
    )


def _ways_to_ignore(name: str) -> set[str]:
    return {f"{before}{name}{after}" for before in ("", "/") for after in ("", "/", "/*", "/**")}


def _complaints(path: Path) -> list[str]:
    """What `opsctl env validate` would say of the file: nothing, unless a project holds what was not foreseen."""
    from opsctl.config.loader import load

    try:
        load(path)
    except ConfigError as error:
        return [f"The file needs a correction: {line}" for line in error.detail or (error.message,)]
    return []


def _dotenv(root: Path, made: Decisions) -> list[str]:
    """The `.env` file of the repository or the project, if there is one."""
    names = dict.fromkeys((".env", os.path.normpath(f"{made.path}/.env")))
    return [name for name in names if (root / name).is_file()][:1]


def _next(root: Path, made: Decisions, written: list[str]) -> list[str]:
    steps = []
    if made.missing:
        steps.append("Settle what is missing, above.")
    if any(each.way == "secret" for each in made.fills):
        steps += [f"opsctl secret set --from-file {shlex.quote(name)} --env local" for name in _dotenv(root, made)]
    steps.append("opsctl deploy --env local")
    if repository_of(root) is not None:
        steps.append(f"git add {shlex.join(written)}")
    steps.append(f"Before the first deploy to AWS, write who gets alarms (observability.alert_email) in {FILE}.")
    return steps
