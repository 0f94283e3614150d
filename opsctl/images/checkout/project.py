"""The application as its image needs it: which files are shipped, from which requirements, with which commands."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from opsctl.config.application import Application
from opsctl.config.schema import SCHEMA_FILE
from opsctl.images.checkout import git
from opsctl.images.checkout.source import (
    SourceVersion,
    content_digest,
    git_version,
    migration_ids,
    packages_id,
    source_files,
    untracked_files,
)
from opsctl.images.errors import BuildError
from opsctl.migrations.reading import read_migrations
from opsctl.migrations.verdict import PACKAGES, Migration
from opsctl.paths import portable

OWN_FILES = ("environments.yaml", SCHEMA_FILE, "opsctl.lock")


@dataclass(frozen=True)
class Project:
    """`application` in the repository whose environments file lies in `root`."""

    root: Path
    application: Application

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.root / self.application.path

    @property
    def cache(self) -> Path:
        """What later builds are faster with."""
        return self.root / ".opsctl" / "cache" / "images"

    @cached_property
    def files(self) -> list[tuple[str, Path]]:
        """`(path in the image's working folder, file)` of everything that is shipped, sorted.

        What git tracks below the folder, what `include` names, without what `exclude` names. What lies outside of the
        folder keeps its path from the root. Raises BuildError when something included is missing.
        """
        # A Dockerfile copies from the folder as it lies there.
        there = source_files(self.folder, new=self.application.dockerfile is not None, listed=self._listed)
        found = {portable(path, self.folder): path for path in there}
        for name in self.application.include:
            found |= dict(self._included(name))
        left_out = (*self.application.exclude, *self._own_files)
        return sorted((name, path) for name, path in found.items() if not _among(name, left_out))

    @property
    def untracked(self) -> list[str]:
        """Files below the folder that would be shipped if git tracked them, relative to it."""
        if self.application.dockerfile is not None or self.application.image is not None:
            return []
        elsewhere = (*self.application.exclude, *self.application.include, *self._own_files, ".gitignore")
        return [name for name in untracked_files(self._listed) if not _among(name, elsewhere)]

    @cached_property
    def _listed(self) -> git.Listed:
        return git.files(self.folder)

    @property
    def _own_files(self) -> tuple[str, ...]:
        """opsctl's files beside the project's: an image has no use for them, and would be another with each line."""
        return OWN_FILES if os.path.normpath(self.application.path) == "." else ()

    @property
    def migrations(self) -> str:
        """An id of each migration that is shipped, and one of the packages, which bring theirs."""
        return " ".join(each for each in (migration_ids(self.files), self._packages) if each)

    @cached_property
    def verdicts(self) -> tuple[Migration, ...]:
        """Each migration that is shipped, with whether the release before can live with it. Runs nothing.

        Those of packages are not looked at: they are one entry without a finding.
        """
        packages = (Migration(self._packages, PACKAGES),) if self._packages else ()
        return (*read_migrations(self.files), *packages)

    @cached_property
    def _packages(self) -> str:
        block = self.application
        return packages_id(self.files, *(block.requirements or ()), *block.add, *block.groups, *block.extras)

    @property
    def version(self) -> SourceVersion:
        """Commit, cleanness and content of what is shipped."""
        folders = tuple(dict.fromkeys([self.application.path, *self._outside()]))
        commit, dirty = git_version(self.root, folders)
        return SourceVersion(commit, dirty, content_digest(self.files))

    @property
    def manage(self) -> str:
        """Folder of manage.py in the image, relative to the working folder; "" for that folder itself."""
        found = sorted((name for name, _ in self.files if PurePosixPath(name).name == "manage.py"), key=_depth)
        return PurePosixPath(found[0]).parent.as_posix().removeprefix(".") if found else ""

    def _outside(self) -> list[str]:
        """Included paths beside the folder, from the root."""
        normal = [os.path.normpath(f"{self.application.path}/{name}") for name in self.application.include]
        below = os.path.normpath(self.application.path)
        return [name for name in normal if below != "." and not name.startswith(f"{below}/")]

    def _included(self, name: str) -> list[tuple[str, Path]]:
        relative = os.path.normpath(f"{self.application.path}/{name}")
        path = self.root / relative
        below = os.path.normpath(self.application.path)
        place = relative if below == "." else relative.removeprefix(f"{below}/")
        if path.is_file():
            return [(place, path)]
        if path.is_dir():
            return [(f"{place}/{portable(each, path)}", each) for each in sorted(path.rglob("*")) if each.is_file()]
        raise BuildError(
            f"{relative} is not there, and application.include names it.",
            code="assets-missing",
            hint="Make it first (in this repository: make setup), or take it out of application.include.",
        )


def _among(name: str, places: tuple[str, ...]) -> bool:
    return any(name == each or name.startswith(f"{each.rstrip('/')}/") for each in places)


def _depth(name: str) -> tuple[int, str]:
    return name.count("/"), name
