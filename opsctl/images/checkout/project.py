"""The application as its image needs it: which files are shipped, from which requirements, with which commands."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from opsctl.config.application import Application
from opsctl.config.schema import SCHEMA_FILE
from opsctl.images.checkout import git
from opsctl.images.checkout.shipment import Loading, Shipment, among, everything, plain
from opsctl.images.checkout.source import (
    SourceVersion,
    content_digest,
    database_text,
    git_version,
    loose_files,
    migration_ids,
    packages_id,
    untracked_files,
)
from opsctl.images.errors import BuildError
from opsctl.migrations.reading import read_migrations
from opsctl.migrations.verdict import PACKAGES, Migration
from opsctl.paths import portable

LOCK_FILE = "opsctl.lock"
OWN_FILES = ("environments.yaml", SCHEMA_FILE, LOCK_FILE)


@dataclass(frozen=True)
class Project:
    """`application` in the repository whose environments file lies in `root`."""

    root: Path
    application: Application
    allowed: tuple[str, ...] = ()
    """Files that are shipped although they look like secrets."""

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.root / self.application.path

    @property
    def cache(self) -> Path:
        """What later builds are faster with."""
        return self.root / ".opsctl" / "cache" / "images"

    @property
    def files(self) -> list[tuple[str, Path]]:
        """`(path in the image's working folder, file)` of everything that is shipped, sorted.

        What git tracks below the folder, what `include` names, without what `exclude` names. What lies outside of the
        folder keeps its path from the root. Raises BuildError when something included is missing.
        """
        return list(self.shipment.files.items())

    @cached_property
    def shipment(self) -> Shipment:
        """What is shipped, with what of it is suspect. Where git tracks nothing, everything but caches is shipped."""
        named = {self._place(name) for name in self.application.include}
        loading = Loading(self.root, self.folder, frozenset({*named, *self._allowed}))
        tracked, others = self._listed
        if tracked:
            loading.add_tracked(tracked)
        else:
            loading.add_loose(loose_files(self.folder, others))
        for name in self.application.include:
            loading.add(self._included(name))
        return loading.finish((*self.application.exclude, *self._own_files))

    @property
    def untracked(self) -> list[str]:
        """Files below the folder that would be shipped if git tracked them, relative to it."""
        if self.application.image is not None:
            return []
        elsewhere = (*self.application.exclude, *self.application.include, *self._own_files, ".gitignore")
        return [name for name in untracked_files(self._listed) if not among(name, elsewhere)]

    @property
    def is_vouched_for(self) -> bool:
        """Whether git tracks anything of the folder."""
        return bool(self._listed[0])

    @property
    def _allowed(self) -> set[str]:
        """What a person allowed by name, below the folder or from the root."""
        below = plain(self.application.path)
        return {each.removeprefix(f"{below}/") for each in map(plain, self.allowed)}

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
        block, database = self.application, database_text(self.files)
        more = (*(block.requirements or ()), *block.add, *block.groups, *block.extras)
        # With another database all of the project's migrations are to be run again, with other packages some may be.
        return packages_id(self.files, *more, *([database] if database else []))

    @property
    def version(self) -> SourceVersion:
        """Commit, cleanness and content of what is shipped, and of what else decides the image."""
        files = self.files
        beside = [(f"../{name}", self.root / name) for name in self._beside if (self.root / name).is_file()]
        linked = [os.path.relpath(path, self.root.resolve()) for name, path in files if self._is_linked(name, path)]
        folders = tuple(dict.fromkeys([self.application.path, *self._outside(), *self._beside, *linked]))
        commit, dirty = git_version(self.root, folders)
        return SourceVersion(commit, dirty, content_digest([*files, *beside] if dirty else files))

    @property
    def manage(self) -> str:
        """Folder of manage.py in the image, relative to the working folder; "" for that folder itself."""
        found = sorted((name for name, _ in self.files if PurePosixPath(name).name == "manage.py"), key=_depth)
        return PurePosixPath(found[0]).parent.as_posix().removeprefix(".") if found else ""

    def from_root(self, name: str, path: Path) -> str:
        """Where something shipped lies in the repository, by its path in the image."""
        below = plain(self.application.path)
        outside = among(name, self._outside()) and path == self.root / name
        return name if below == "." or outside else f"{below}/{name}"

    @property
    def _beside(self) -> list[str]:
        """Files outside of the folder that decide what an image is, from the root."""
        application, below = self.application, os.path.normpath(self.application.path)
        if application.image is not None or below == ".":
            return []
        named = application.dockerfile or LOCK_FILE
        return [] if among(os.path.normpath(named), (below,)) else [named]

    def _is_linked(self, name: str, path: Path) -> bool:
        """Whether a link led to the file, so that it lies elsewhere."""
        return path != self.folder / name and not (among(name, self._outside()) and path == self.root / name)

    def _outside(self) -> list[str]:
        """Included paths beside the folder, from the root."""
        normal = [os.path.normpath(f"{self.application.path}/{name}") for name in self.application.include]
        below = os.path.normpath(self.application.path)
        return [name for name in normal if below != "." and not name.startswith(f"{below}/")]

    def _place(self, name: str) -> str:
        """Where something included lies in the image."""
        relative, below = os.path.normpath(f"{self.application.path}/{name}"), os.path.normpath(self.application.path)
        return relative if below == "." else relative.removeprefix(f"{below}/")

    def _included(self, name: str) -> list[tuple[str, Path]]:
        relative = os.path.normpath(f"{self.application.path}/{name}")
        path, place = self.root / relative, self._place(name)
        if path.is_file():
            return [(place, path)]
        if path.is_dir():
            return [(f"{place}/{portable(each, path)}", each) for each in everything(path)]
        raise BuildError(
            f"{relative} is not there, and application.include names it.",
            code="assets-missing",
            hint="Make it first (in this repository: make setup), or take it out of application.include.",
        )


def _depth(name: str) -> tuple[int, str]:
    return name.count("/"), name
