"""The application's packages, locked with hashes: its own lock, or `opsctl.lock` beside environments.yaml.

Most projects lock nothing. What they require is resolved once, by uv, and written down to be committed; again only
when what it was made from changes. Nothing but versions and hashes stands in it, and addresses only of packages that
the project takes from a commit of a Git repository.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl import room
from opsctl.config.pinned import PinnedRequirement, at_one_commit, pinned_in, pinned_in_project
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError
from opsctl.images.names import ImageName
from opsctl.images.python.commits import CommitBuilder
from opsctl.images.python.requirements import followed, has_hashes, named_copies, read_requirements, required_by
from opsctl.images.python.uv import run_uv, uv_cause

LOCK_NAME = "opsctl.lock"
DEFAULT_PYTHON = "3.13"
INSTEAD = {
    "psycopg2": "psycopg2-binary", "psycopg[c]": "psycopg[binary]", "psycopg-c": "psycopg[binary]", "uwsgi": "pyuwsgi",
}  # fmt: skip
"""Packages that are published as source alone, each with what has wheels in its place."""
# A wheel of this machine among what uv resolved, with its hashes.
_WHEEL = re.compile(
    r"^(?P<name>[a-z0-9-]+)(?:\[[^]\n]*\])? @ file:\S+\.whl(?P<marker> ; [^\\\n]*[^\\\s])?(?: \\\n +--hash=\S+)*$",
    re.MULTILINE,
)
_UNBUILT = re.compile(r"Building source distributions for `([^`]+)` is disabled")
_HEAD = re.compile(r"^# (made from|python|base): (\S+)$", re.MULTILINE)
_SOURCE_ONLY = re.compile(
    r"(?:no usable wheels|only-binary|No (?:matching|usable) wheels?|--no-binary|no wheels)", re.I
)
_PACKAGE = re.compile(r"[`'\s]([A-Za-z0-9][A-Za-z0-9._-]*)(?:==[^\s`']+)?[`']?\s+has no (?:usable )?wheels", re.I)
_FROZEN = "is not to be written (--locked, --check, or CI set)"

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
    inputs = required_by(project)
    if len(inputs) == 1 and not project.application.add and has_hashes(inputs[0]):
        text = inputs[0].read_text(encoding="utf-8")
        return Locked(inputs[0], text, python_version(project), _lock_base(project))
    path, key = project.root / LOCK_NAME, _key(project, inputs)
    kept = _read(path)
    if kept.get("made from") != key:
        if frozen:
            raise BuildError(
                f"{LOCK_NAME} is {'not there' if not kept else 'older than what it was made from'}, and {_FROZEN}.",
                code="lock-stale",
                hint=f"Run `opsctl image lock` and commit {LOCK_NAME}.",
            )
        room.require_writable(project.root)
        tell(f"resolving {', '.join(each.name for each in inputs) or 'requirements'} into {LOCK_NAME}; commit it")
        _write(path, _head(key, python_version(project), kept.get("base")) + _resolve(project, inputs, tell))
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
            f"{LOCK_NAME} pins no base image for Python {python_version(project)}, and {_FROZEN}.",
            code="lock-stale",
            hint=f"Run `opsctl image lock` and commit {LOCK_NAME}.",
        )
    room.require_writable(project.root)  # a registry that does not answer takes half a minute to say so
    found = pin(wanted)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    body = text[text.rindex("\n\n") + 2 :] if "\n\n" in text else ""
    _write(path, _head(kept.get("made from", "-"), python_version(project), f"{wanted}@{found.digest}") + body)
    tell(f"the base image is {wanted} ({(found.digest or '')[:19]}…), pinned in {LOCK_NAME}")
    return ImageName.parse(f"{wanted}@{found.digest}")


def _lock_base(project: Project) -> ImageName | None:
    base = _read(project.root / LOCK_NAME).get("base")
    return ImageName.parse(base) if base else None


def _key(project: Project, inputs: list[Path]) -> str:
    """What the lock is made from, as one hash: files with those that they lead to, additions, Python."""
    digest = hashlib.sha256(f"1\0{python_version(project)}\0{project.application.add}\0".encode())
    digest.update(f"{project.application.groups}\0{project.application.extras}\0".encode())
    for path in followed(inputs):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def _resolve(project: Project, inputs: list[Path], tell: Tell) -> str:
    with tempfile.TemporaryDirectory(prefix="opsctl-lock-") as temporary:
        sources = [_exported(project, path, Path(temporary)) if path.name == "uv.lock" else path for path in inputs]
        if project.application.add:
            added = Path(temporary, "added.in")
            added.write_text("\n".join(project.application.add) + "\n", encoding="utf-8")
            sources.append(added)
        if not sources:
            raise BuildError(
                "There is nothing that says what the project requires.",
                code="requirements-missing",
                hint="Name its file as application.requirements in environments.yaml, or packages in application.add.",
            )
        # What uv.lock exports has them already, and uv refuses extras of a file that can have none.
        options = [] if all(path.name == "uv.lock" for path in inputs) else _wanted(project)
        built = _built(project, sources, tell)
        if built:
            overrides = Path(temporary, "built.in")
            overrides.write_text("".join(_as_wheel(*each) for each in built.items()), encoding="utf-8")
            options += ["--overrides", str(overrides)]
        text = _uv(
            project,
            ["pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate",
             "--no-emit-index-url", "--only-binary", ":all:", "--python-version", python_version(project), *options,
             *(str(source) for source in named_copies(sources, Path(temporary)))],
        )  # fmt: skip
        text = _with_places(text, {each.name: each for each in built})
        pinned_in(text)  # what packages themselves require from Git has to stand up to it too
        return text


def _built(project: Project, sources: list[Path], tell: Tell) -> dict[PinnedRequirement, Path]:
    """What is required from Git with its wheel: uv resolves with that, and runs no code of a repository itself."""
    found: list[PinnedRequirement] = []
    for path in followed(sources):
        text, wanted = read_requirements(path), project.application
        if path.suffix == ".toml":
            found += pinned_in_project(_table(path, text), wanted.groups, wanted.extras)
        else:
            found += pinned_in(text)
    builder = CommitBuilder(project, python_version(project), tell)
    return {each: builder.wheel(each) for each in at_one_commit(found)}


def _table(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BuildError(f"{path.name} is no TOML: {error}", code="lock-failed", hint="Correct it.") from error


def _as_wheel(wanted: PinnedRequirement, wheel: Path) -> str:
    extras = f"[{','.join(wanted.extras)}]" if wanted.extras else ""
    return f"{wanted.name}{extras} @ {wheel.as_uri()}" + (f" ; {wanted.marker}" if wanted.marker else "") + "\n"


def _with_places(text: str, built: dict[str, PinnedRequirement]) -> str:
    """What was resolved, with the commits in place of the wheels that stood for them."""

    def place(line: re.Match[str]) -> str:
        wanted = built.get(line["name"])
        return line[0] if wanted is None else f"{wanted.name} @ {wanted.place}{line['marker'] or ''}"

    return _WHEEL.sub(place, text)


def _wanted(project: Project) -> list[str]:
    """Groups and extras, as uv takes them."""
    groups = [part for group in project.application.groups for part in ("--group", group)]
    return groups + [part for extra in project.application.extras for part in ("--extra", extra)]


def _exported(project: Project, lock: Path, folder: Path) -> Path:
    text = _uv(
        project,
        ["export", "--quiet", "--frozen", "--format", "requirements-txt", "--no-dev", "--no-emit-project",
         "--no-hashes", "--no-header", "--no-annotate", *_wanted(project)],
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
    if unbuilt := _UNBUILT.search(text):
        raise BuildError(
            f"{unbuilt[1]} comes as source alone, and what it requires shows only when code of it runs.",
            code="no-wheel",
            hint=f"Where another package wants it from Git, require `{unbuilt[1]} @ git+…@COMMIT` yourself as well; "
            "else require a version that has wheels.",
            detail=lines[-15:],
        )
    raise BuildError(
        f"The requirements can't be resolved: {uv_cause(lines)}",
        code="lock-failed",
        hint=room.hint(text) or "Correct the requirement that is named, or see whether a package index can be reached.",
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
