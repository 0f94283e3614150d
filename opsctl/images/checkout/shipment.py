"""Which files of a checkout get into its image, which stay here, and which nobody can have meant.

Links are followed here, so that every engine ships what they lead to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from opsctl.images.checkout import git
from opsctl.images.checkout.sensitive import is_pointer, reason
from opsctl.images.checkout.source import source_files
from opsctl.images.errors import BuildError
from opsctl.paths import portable

_NEVER = {".git", ".opsctl"}
_SHOWN = 6


@dataclass(frozen=True)
class Shipment:
    """`files`: path in the image's working folder to file, links followed. `suspects`: of these, and of those that
    could not be taken, what is wrong, by path. `kept`: what stays here where git says nothing, and why.
    """

    files: dict[str, Path]
    suspects: dict[str, str]
    kept: dict[str, str]

    def check(self) -> None:
        """Raise BuildError where anything is suspect."""
        if not self.suspects:
            return
        shown = [f"{name} {why}" for name, why in sorted(self.suspects.items())]
        more = f"; and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        raise BuildError(
            f"Not built, for what would be in the image: {'; '.join(shown[:_SHOWN])}{more}.",
            code="suspect-file",
            hint="Leave it out with application.exclude, or take it out of git. If it belongs to the application, "
            "--allow-file PATH ships it, and so does naming the file itself in application.include.",
            detail=tuple(shown[_SHOWN:]),
        )


@dataclass
class Loading:
    """Puts a shipment together for the folder `below` in the repository of `root`."""

    root: Path
    below: Path
    allowed: frozenset[str]
    """Paths in the image that are shipped whatever they look like."""

    files: dict[str, Path] = field(default_factory=dict)
    suspects: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def add_tracked(self, names: Iterable[str]) -> None:
        """What git tracks below the folder."""
        for name in (portable(self.below / each, self.below) for each in names if not _NEVER & set(each.split("/"))):
            path = self.below / name
            if path.is_file() or path.is_symlink():
                self._add(name, path, vouched=True)
            elif path.is_dir():
                self._suspect(name, "is a submodule that is not checked out (`git submodule update --init`)")

    def add_loose(self, paths: Iterable[Path]) -> None:
        """What lies in a folder of which git says nothing: what is suspect stays here."""
        for path in paths:
            name = portable(path, self.below)
            self._add(name, path, vouched=False)
            if name in self.suspects:
                self.kept[name] = self.suspects.pop(name)
                self.files.pop(name, None)

    def add(self, files: Iterable[tuple[str, Path]]) -> None:
        """What is listed, whether git tracks it or not."""
        for name, path in files:
            self._add(name, path, vouched=False)

    def finish(self, left_out: Iterable[str]) -> Shipment:
        """Without what lies below `left_out`."""
        places = tuple(left_out)
        kept = [name for name in {**self.files, **self.suspects, **self.kept} if not among(name, places)]
        return Shipment(*(
            {name: each[name] for name in sorted(kept) if name in each}
            for each in (self.files, self.suspects, self.kept)
        ))  # type: ignore[arg-type]  # fmt: skip

    def _add(self, name: str, path: Path, *, vouched: bool) -> None:
        if path.is_symlink():
            self._add_link(name, path, vouched=vouched)
            return
        self.files[name] = path
        if not self._inside(real := path.resolve()):
            self._suspect(name, f"lies out of the repository, at {real}, by a link above it")
        elif name not in self.allowed:
            why = "is what Git LFS left in place of the file (`git lfs pull`)" if is_pointer(path) else ""
            self._suspect(name, why or reason(name, path))

    def _add_link(self, name: str, link: Path, *, vouched: bool) -> None:
        """`vouched`: git tracks the link, so it has to track what it leads to as well, or the commit says nothing."""
        try:
            real = link.resolve(strict=True)
        except (OSError, RuntimeError):
            self._suspect(name, "is a link that leads nowhere")
            return
        if not self._inside(real):
            if real.is_file():
                self.files[name] = real
            self._suspect(name, f"is a link that leads out of the repository, to {real}")
        elif real.is_dir():
            if vouched and not git.files(real)[0]:
                self._suspect(name, f"is a link to {portable(real, self._top)}, of which git tracks nothing")
            for each in _below(real) if not real.samefile(self.below) else ():
                if not each.is_symlink():  # links in links may never end
                    self._add(f"{name}/{portable(each, real)}", each, vouched=vouched)
        else:
            self.files[name] = real
            unknown = vouched and not git.tracks(real)
            where = portable(real, self._top)
            self._suspect(name, f"is a link to {where}, which git does not track" if unknown else reason(where, real))

    def _suspect(self, name: str, why: str) -> None:
        if why and name not in self.allowed:
            self.suspects[name] = why

    def _inside(self, real: Path) -> bool:
        top = next((each for each in (self._top, self._folder) if real.is_relative_to(each)), None)
        return top is not None and not _NEVER & set(real.relative_to(top).parts)

    @cached_property
    def _folder(self) -> Path:
        return self.below.resolve()

    @cached_property
    def _top(self) -> Path:
        top = git.top(self.root)
        return (top or self.root).resolve()


def among(name: str, places: Iterable[str]) -> bool:
    """Whether a path is one of these, or lies below one."""
    return any(name == each or name.startswith(f"{each.rstrip('/')}/") for each in places)


def everything(folder: Path) -> Iterator[Path]:
    """Every file and link below a folder that somebody listed."""
    for directory, names, found in os.walk(folder):
        linked = [each for each in names if Path(directory, each).is_symlink()]
        names[:] = sorted(each for each in names if each not in _NEVER and each not in linked)
        yield from (Path(directory, each) for each in sorted([*found, *linked]))


def _below(folder: Path) -> list[Path]:
    return source_files(folder, listed=git.files(folder))


def plain(path: str) -> str:
    """A path as people write it, in the form of paths in an image."""
    return PurePosixPath(os.path.normpath(path)).as_posix()
