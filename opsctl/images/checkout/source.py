"""What the checkout is: its commit, whether it is clean, and a hash of the image's content."""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from opsctl.images.checkout import git
from opsctl.images.checkout.sensitive import reason_by_name
from opsctl.migrations.reading import is_migration, migration_id

# What `git clean` would remove, for trees without git.
_IGNORED_DIRS = {
    "__pycache__",
    ".git",
    ".opsctl",
    ".venv",
    "node_modules",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    "staticfiles",
}
_COMMIT_TAG = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})(?:-dirty-[0-9a-f]{8})?")
_MARK = "pyvenv.cfg"  # what a virtual environment is known by
_IGNORED_SUFFIXES = (".pyc", ".pyo")
_IGNORED_NAMES = {".DS_Store", ".coverage"}
_SAYS_PACKAGES = re.compile(
    r"(?:^|/)(?:requirements[^/]*\.(?:txt|in)|requirements/[^/]+|[^/]+\.lock|Pipfile|pyproject\.toml|setup\.(?:py|cfg)|"
    r"(?:[^/]+\.)?Dockerfile[^/]*)$"
)


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """`commit` is "" outside a git checkout; `content` is the SHA-256, in hex, of paths, modes and bytes."""

    commit: str
    dirty: bool
    content: str

    @property
    def tag(self) -> str:
        """The image tag: the commit; `{commit}-dirty-{8}` with local changes; `content-{12}` without git."""
        if not self.commit:
            return f"content-{self.content[:12]}"
        return f"{self.commit}-dirty-{self.content[:8]}" if self.dirty else self.commit


def git_version(root: Path, folders: tuple[str, ...]) -> tuple[str, bool]:
    """The commit, "" outside a checkout, and whether anything below `folders` differs from it.

    Raises ForeignCheckoutError for another user's checkout.
    """
    commit = git.commit(root)
    return commit, bool(commit) and git.is_dirty(root, folders)


def content_digest(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over every file's path in the image, executable bit and bytes."""
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(f"{name}\0".encode())
        digest.update(b"x" if os.access(path, os.X_OK) else b"-")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def source_files(folder: Path, *, new: bool = False, listed: git.Listed | None = None) -> list[Path]:
    """Files of a source folder in a stable order: what git tracks, else all but caches.

    `listed` is what git said of the folder, where it was asked before. `new` adds what git would track; where it tracks
    nothing yet, that is all there is. What git doesn't track is left out when it is a cache, or looks as if it kept
    secrets or data of this machine.
    """
    tracked, others = listed if listed is not None else git.files(folder)
    if tracked:
        shipped = {*tracked, *(name for name in others if new and not _stays_behind(name))}
        return sorted(path for name in shipped if (path := folder / name).is_file() and not _is_ours(name))
    return [path for path in loose_files(folder, others) if not reason_by_name(path.relative_to(folder).as_posix())]


def loose_files(folder: Path, others: list[str]) -> list[Path]:
    """All but caches of a folder of which git tracks nothing: `others`, what it would track, else what lies there."""
    if others:
        named = [name for name in _without_virtualenvs(others) if not _is_cache(name)]
        named = [name for name in named if not _IGNORED_DIRS & set(name.split("/")[:-1])]
        return sorted(path for name in named if (path := folder / name).is_file())
    found = []
    for directory, names, files in os.walk(folder):
        names[:] = [name for name in names if name not in _IGNORED_DIRS and not _is_virtualenv(Path(directory, name))]
        found += [Path(directory, name) for name in files if not _is_cache(name)]
    return sorted(found)


def untracked_files(listed: git.Listed) -> list[str]:
    """What git would track below a folder and does not yet, so that it is not shipped: relative paths, sorted."""
    tracked, others = listed
    named = _without_virtualenvs(others) if tracked else []
    return sorted(name for name in named if not _stays_behind(name) and not _is_ours(name))


def _is_ours(name: str) -> bool:
    """opsctl's own state, where nobody told git to ignore it."""
    return ".opsctl" in name.split("/")


def _stays_behind(path: str) -> bool:
    """Whether a file that git doesn't track belongs to this machine alone."""
    return _is_cache(path) or bool(reason_by_name(path))


def _is_cache(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.endswith(_IGNORED_SUFFIXES) or name in _IGNORED_NAMES


def _is_virtualenv(folder: Path) -> bool:
    return (folder / _MARK).is_file()


def _without_virtualenvs(names: list[str]) -> list[str]:
    """Less what lies in a virtual environment, which git takes for the project's own unless told to ignore it."""
    environments = tuple(name.removesuffix(_MARK) for name in names if name.endswith(f"/{_MARK}"))
    return [name for name in names if not name.startswith(environments)]


def migration_ids(files: Iterable[tuple[str, Path]]) -> str:
    """An id of each migration among what is shipped, by name and content, with blanks between: what one lacks, another
    may bring.
    """
    return " ".join(migration_id(name, path.read_bytes()) for name, path in files if is_migration(name))


def packages_id(files: Iterable[tuple[str, Path]], *more: str) -> str:
    """Identifies what installed packages the image has, as far as files among what is shipped, and `more`, say.

    Packages bring migrations too, which nobody reads here: with other packages some may be pending. "" where no file
    says anything.
    """
    said = [(name, path) for name, path in files if _SAYS_PACKAGES.search(name) or name in more]
    return migration_id("\0".join(more), content_digest(said).encode()) if said or any(more) else ""


def database_text(files: Iterable[tuple[str, Path]]) -> str:
    """What is assigned to DATABASES in what is shipped, as it is written; "" where nothing is.

    Settings modules have any name. A project that leaves a file for a server has migrated the file alone.
    """
    found = []
    for name, path in files:
        if name.endswith(".py") and b"DATABASES" in (text := path.read_bytes()):
            found += _assignments(text.decode(errors="replace"))
    return "\0".join(found)


def _assignments(text: str) -> list[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    assigned = (node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign))
    return [ast.unparse(node) for node in assigned if any(_is_databases(each) for each in _targets(node))]


def _targets(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _is_databases(target: ast.expr) -> bool:
    while isinstance(target, ast.Subscript):
        target = target.value
    return isinstance(target, ast.Name) and target.id == "DATABASES"


def tagged_commit(tag: str) -> str:
    """The commit of a default tag; "" for a tag that somebody thought of."""
    found = _COMMIT_TAG.fullmatch(tag)
    return found[1] if found else ""
