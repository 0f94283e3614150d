"""The application's own Python environment on this machine: its locked packages and nothing of opsctl's."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from pathlib import Path

from opsctl.images.errors import BuildError
from opsctl.images.lock import Locked, Tell
from opsctl.images.pythons import find_python, nearest_python
from opsctl.images.uv import run_uv

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


def make_environment(locked: Locked, folder: Path, tell: Tell) -> Path:
    """The Python of the environment in `folder`, made when it is not there. Raises BuildError.

    Any number of processes may ask at once. The five newest environments are kept.
    """
    target = folder / environment_key(locked)
    python, done = target / "bin" / "python", target / ".done"
    if not done.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with target.with_name(f"{target.name}.lock").open("w", encoding="utf-8") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if not done.is_file():
                tell(f"installing the application's packages for Python {locked.python}")
                _make(locked, target, python, tell)
                done.touch()
    os.utime(target)
    _prune(folder, keep=target)
    return python


def _make(locked: Locked, target: Path, python: Path, tell: Tell) -> None:
    shutil.rmtree(target, ignore_errors=True)
    # uv fetches one where this machine has none of the version.
    wanted = find_python(locked.python) or locked.python
    made = run_uv(["venv", "--quiet", "--python", wanted, str(target)], cwd=target.parent)
    if made.returncode:
        version, nearest = nearest_python(locked.python)
        tell(f"Python {locked.python} is not on this machine; processes run under {version} here, the image does not")
        made = run_uv(["venv", "--quiet", "--python", nearest, str(target)], cwd=target.parent)
    if made.returncode == 0:
        made = run_uv(
            ["pip", "install", "--quiet", "--compile-bytecode", "--no-deps", "--require-hashes", "--only-binary",
             ":all:", "--python", str(python), "--requirements", str(locked.path)],
            cwd=target.parent,
        )  # fmt: skip
    if made.returncode:
        shutil.rmtree(target, ignore_errors=True)
        lines = [line.strip(" │╰─▶×") for line in made.stderr.splitlines() if line.strip()]
        raise BuildError(
            f"The application's packages can't be installed on this machine: {lines[-1] if lines else 'no reason'}",
            code="environment-failed",
            hint=f"Install Python {locked.python}, or see whether a package index can be reached.",
            detail=tuple(lines[-15:]),
        )


def _prune(folder: Path, keep: Path) -> None:
    found = [each for each in folder.iterdir() if (each / ".done").is_file() and each != keep]
    for old in sorted(found, key=lambda each: each.stat().st_mtime, reverse=True)[_KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
        old.with_name(f"{old.name}.lock").unlink(missing_ok=True)
