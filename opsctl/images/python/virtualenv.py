"""The application's own Python environment on this machine: its locked packages and nothing of opsctl's."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from opsctl import room
from opsctl.config.pinned import pinned_in
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError
from opsctl.images.python.commits import CommitBuilder
from opsctl.images.python.lock import Locked, Tell
from opsctl.images.python.pythons import find_python, nearest_python
from opsctl.images.python.uv import run_uv
from opsctl.images.python.wheels import hashed_lines

FOLDER_VARIABLE = "OPSCTL_ENVIRONMENTS"
"""Another folder than `.opsctl/environments`, to share environments between checkouts."""
_KEPT = 5


def environments_folder(root: Path) -> Path:
    """Where environments of this checkout's applications lie."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else root / ".opsctl" / "environments"


def environment_key(locked: Locked) -> str:
    """Names the environment: what is locked, for which Python, by the interpreter that opsctl runs under."""
    parts = (locked.text, locked.python, sys.version_info[:2], sys.prefix)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


def make_environment(
    project: Project, locked: Locked, folder: Path, tell: Tell, *, spared: Callable[[], Collection[Path]] = frozenset
) -> Path:
    """The Python of the environment of a project in `folder`, made when it is not there. Raises BuildError.

    Any number of processes may ask at once. The five newest environments are kept, and those whose Python is among
    what `spared` answers: it is asked where one would go.
    """
    target = folder / environment_key(locked)
    python, done = target / "bin" / "python", target / ".done"
    if not done.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with target.with_name(f"{target.name}.lock").open("w", encoding="utf-8") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if not done.is_file():
                room.require_programs(folder, "The application's environment")
                room.require(folder, room.ENVIRONMENT, "Installing the application's packages")
                tell(f"installing the application's packages for Python {locked.python}")
                _make(project, locked, target, python, tell)
                done.touch()
    os.utime(target)
    _prune(folder, target, spared)
    return python


def _make(project: Project, locked: Locked, target: Path, python: Path, tell: Tell) -> None:
    shutil.rmtree(target, ignore_errors=True)
    # uv fetches one where this machine has none of the version.
    wanted = find_python(locked.python) or locked.python
    made = run_uv(["venv", "--quiet", "--python", wanted, str(target)], cwd=target.parent)
    if made.returncode:
        version, nearest = nearest_python(locked.python)
        tell(f"Python {locked.python} is not on this machine; processes run under {version} here, the image does not")
        made = run_uv(["venv", "--quiet", "--python", nearest, str(target)], cwd=target.parent)
    if made.returncode == 0:
        made = _install(project, locked, python, tell)
    if made.returncode:
        shutil.rmtree(target, ignore_errors=True)
        lines = [line.strip(" │╰─▶×") for line in made.stderr.splitlines() if line.strip()]
        raise BuildError(
            f"The application's packages can't be installed on this machine: {lines[-1] if lines else 'no reason'}",
            code="environment-failed",
            hint=room.hint(made.stderr)
            or f"Install Python {locked.python}, or see whether a package index can be reached.",
            detail=tuple(lines[-15:-1]),
        )


def _install(project: Project, locked: Locked, python: Path, tell: Tell) -> subprocess.CompletedProcess[str]:
    """What has hashes with them, then the wheels that were built from commits."""
    from packaging.markers import Marker

    builder = CommitBuilder(project, locked.python, tell)
    version = {"python_version": locked.python, "python_full_version": f"{locked.python}.0"}
    wanted = [each for each in pinned_in(locked.text) if not each.marker or Marker(each.marker).evaluate(version)]
    wheels = [str(builder.wheel(each)) for each in wanted]
    install = ["pip", "install", "--quiet", "--compile-bytecode", "--no-deps", "--only-binary", ":all:", "--python",
               str(python)]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="opsctl-lock-") as temporary:
        hashed = Path(temporary, locked.path.name)
        hashed.write_text(hashed_lines(locked.text), encoding="utf-8")
        done = run_uv([*install, "--require-hashes", "--requirements", str(hashed)], cwd=python.parent)
    return run_uv([*install, *wheels], cwd=python.parent) if wheels and done.returncode == 0 else done


def _prune(folder: Path, keep: Path, spared: Callable[[], Collection[Path]]) -> None:
    found = [each for each in folder.iterdir() if (each / ".done").is_file() and each != keep]
    older = sorted(found, key=lambda each: each.stat().st_mtime, reverse=True)[_KEPT - 1 :]
    kept = {python.parent.parent for python in spared()} if older else set()
    for old in [each for each in older if each not in kept]:
        shutil.rmtree(old, ignore_errors=True)
        old.with_name(f"{old.name}.lock").unlink(missing_ok=True)
