"""What the checkout is: its commit, whether it is clean, and a hash of the image's content."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from opsctl.images.checkout import git
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
_IGNORED_SUFFIXES = (".pyc", ".pyo", ".sqlite3", ".sqlite3-journal", ".sqlite3-wal", ".sqlite3-shm", ".swp", "~")
_IGNORED_NAMES = {".DS_Store", ".coverage"}
_SAYS_PACKAGES = re.compile(
    r"(?:^|/)(?:requirements[^/]*\.(?:txt|in)|requirements/[^/]+|[^/]+\.lock|Pipfile|pyproject\.toml|setup\.(?:py|cfg)|"
    r"(?:[^/]+\.)?Dockerfile[^/]*)$"
)
_DOTENV_EXAMPLES = (".example", ".sample", ".template", ".dist")


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
    nothing yet, that is all there is. What git doesn't track is left out when it is a cache, a SQLite file or a `.env`,
    where a laptop keeps its secrets.
    """
    if not folder.is_dir():
        return []
    tracked, others = listed or git.files(folder)
    if tracked or others:
        shipped = {*tracked, *(_would_be_shipped(others) if new or not tracked else ())}
        return sorted(path for name in shipped if (path := folder / name).is_file() and not _is_ours(name))
    found = []
    for directory, names, files in os.walk(folder):
        names[:] = [name for name in names if name not in _IGNORED_DIRS]
        found += [Path(directory, name) for name in files if not _stays_behind(name)]
    return sorted(found)


def untracked_files(listed: git.Listed) -> list[str]:
    """What git would track below a folder and does not yet, so that it is not shipped: relative paths, sorted."""
    tracked, others = listed
    return sorted(name for name in _would_be_shipped(others) if not _is_ours(name)) if tracked else []


def _would_be_shipped(names: Iterable[str]) -> list[str]:
    return [name for name in names if not _stays_behind(name)]


def _is_ours(name: str) -> bool:
    """opsctl's own state, where nobody told git to ignore it."""
    return ".opsctl" in name.split("/")


def _stays_behind(path: str) -> bool:
    """Whether a file that git doesn't track belongs to this machine alone. A `.env` to copy from holds no secrets."""
    name = path.rpartition("/")[2]
    dotenv = name == ".env" or (name.startswith(".env.") and not name.endswith(_DOTENV_EXAMPLES))
    return dotenv or name.endswith(_IGNORED_SUFFIXES) or name in _IGNORED_NAMES


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


def tagged_commit(tag: str) -> str:
    """The commit of a default tag; "" for a tag that somebody thought of."""
    found = _COMMIT_TAG.fullmatch(tag)
    return found[1] if found else ""
