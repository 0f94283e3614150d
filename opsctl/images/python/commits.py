"""Wheels of packages that stand at a commit of a Git repository, built once and kept by it.

A build backend is code of that repository. It runs on this machine, in a folder of its own, with harmless values for
what the application is given and with nothing else of opsctl's environment.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opsctl import room
from opsctl.config.pinned import PinnedRequirement, normal_name
from opsctl.images.caching import whole_folder
from opsctl.images.checkout import git
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError, last_words
from opsctl.images.python.harmless import harmless_environment
from opsctl.images.python.pythons import find_python, nearest_python
from opsctl.images.python.uv import run_uv, uv_cause

_SECONDS = 600
_SUBMODULE = re.compile(r"^160000 commit \w+\t(.+)$", re.MULTILINE)
_NOT_THERE = ("not our ref", "unadvertised object", "couldn't find remote ref")


@dataclass(frozen=True)
class CommitBuilder:
    """Builds for a project, with a Python of this version or the nearest: the wheels are for all."""

    project: Project
    python: str
    tell: Callable[[str], None]

    def wheel(self, wanted: PinnedRequirement) -> Path:
        """The wheel of a commit, from the cache or built. Raises BuildError."""
        key = hashlib.sha256(f"{wanted.place}\0{self.python}".encode()).hexdigest()[:20]
        folder = self.project.cache / "commits" / key
        if not folder.is_dir():
            self.tell(f"building {wanted.name} from its commit {wanted.commit[:12]}")
            with whole_folder(folder) as kept, tempfile.TemporaryDirectory(prefix="opsctl-commit-") as temporary:
                checkout = Path(temporary, "source")
                _check_out(wanted, checkout)
                self._build(wanted, _buildable(wanted, checkout), kept)
        os.utime(folder)
        return next(folder.glob("*.whl"))

    def _build(self, wanted: PinnedRequirement, source: Path, kept: Path) -> None:
        python = find_python(self.python) or nearest_python(self.python)[1]
        done = run_uv(
            ["build", "--wheel", "--python", python, "--out-dir", str(kept), str(source)],
            cwd=source,
            secrets=self.project.application.build.secrets,
            environment={**harmless_environment(self.project.application), **_same_twice(source)},
        )
        lines = tuple(line.rstrip() for line in done.stderr.splitlines() if line.strip())
        made = list(kept.glob("*.whl"))
        if done.returncode or not made:
            raise BuildError(
                f"{wanted.name} can't be built from its commit {wanted.commit[:12]}: {uv_cause(lines)}",
                code="commit-build",
                hint=room.hint(done.stderr)
                or "See whether `uv build --wheel` works in a checkout of it, and a package index can be reached; "
                "or build with a Dockerfile that application.dockerfile names.",
                detail=lines[-15:],
            )
        _check_wheel(wanted, made[0].name)


def _check_out(wanted: PinnedRequirement, folder: Path) -> None:
    """Fetch the commit alone: neither history nor tags, which others may move."""
    folder.mkdir()
    _git(folder, "init", "--quiet")
    fetched = git.run(
        folder, "fetch", "--quiet", "--depth=1", "--no-tags", wanted.address, wanted.commit, seconds=_SECONDS
    )
    if fetched.returncode:
        raise _not_fetched(wanted, fetched.stderr.decode(errors="replace"))
    # The files are the commit's, whatever line ends this machine prefers.
    _git(folder, "-c", "core.autocrlf=false", "checkout", "--quiet", "--detach", wanted.commit)
    submodules = _SUBMODULE.findall(_git(folder, "ls-tree", "-r", "HEAD"))
    if submodules:
        raise BuildError(
            f"{wanted.name} has submodules ({', '.join(submodules)}), and its commit holds nothing of them.",
            code="commit-build",
            hint="Require a release that has wheels, or build with a Dockerfile that application.dockerfile names.",
        )


def _git(folder: Path, *arguments: str) -> str:
    done = git.run(folder, *arguments, seconds=_SECONDS)
    if done.returncode:
        lines = _told(done.stderr.decode(errors="replace"))
        raise BuildError(f"`git {' '.join(arguments)}` failed{last_words(lines)}.", code="commit-build")
    return done.stdout.decode(errors="replace")


def _not_fetched(wanted: PinnedRequirement, said: str) -> BuildError:
    if any(words in said for words in _NOT_THERE):
        return BuildError(
            f"{wanted.address} has no commit {wanted.commit}, at which {wanted.name} is required.",
            code="commit-missing",
            hint="Was it pushed, and is it still on a branch? Require one that is there.",
        )
    lines = _told(said)
    reason = next((line for line in lines if line.startswith(("fatal:", "ssh:", "remote:"))), *lines[:1])
    return BuildError(
        f"The Git repository of {wanted.name}, {wanted.address}, can't be read: {reason.removeprefix('fatal: ')}",
        code="commit-unreachable",
        hint=f"See whether `git ls-remote {wanted.address}` works here; it asks for no password in a build.",
        detail=tuple(lines[-10:]),
    )


def _told(said: str) -> list[str]:
    """git's lines, without what a machine's settings may have put into an address (`url.….insteadOf`)."""
    return [re.sub(r"//[^/\s']+@", "//", line) for line in said.splitlines() if line.strip()] or ["git gave no reason"]


def _buildable(wanted: PinnedRequirement, checkout: Path) -> Path:
    source = (checkout / wanted.subdirectory).resolve()
    inside = source.is_relative_to(checkout.resolve())
    if inside and any((source / name).is_file() for name in ("pyproject.toml", "setup.py")):
        return source
    raise BuildError(
        f"{wanted.name} has neither pyproject.toml nor setup.py in {wanted.subdirectory or 'its top folder'} at "
        f"{wanted.commit[:12]}, so nothing says how it is built.",
        code="commit-build",
        hint="Name the folder that has one: `#subdirectory=FOLDER` behind the commit.",
    )


def _same_twice(source: Path) -> dict[str, str]:
    """With these, backends that write times, or sets in the order of their hashes, make the same wheel twice."""
    return {"SOURCE_DATE_EPOCH": _git(source, "show", "--no-patch", "--format=%ct").strip(), "PYTHONHASHSEED": "0"}


def _check_wheel(wanted: PinnedRequirement, wheel: str) -> None:
    made = normal_name(wheel.partition("-")[0])
    if made != wanted.name:
        raise BuildError(
            f"{wanted.name} is required from Git, and what stands there is {made}.",
            code="commit-build",
            hint=f"Write `{made} @ {wanted.place}`.",
        )
    if not wheel.endswith("-none-any.whl"):
        raise BuildError(
            f"{wanted.name} compiles at its commit ({wheel}), and an image takes only pure Python from Git.",
            code="no-wheel",
            hint="Require a release that has wheels, or build with a Dockerfile that application.dockerfile names.",
        )
