"""Pythons of this machine, by version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from opsctl.config.application import NEWEST_PYTHON, OLDEST_PYTHON


def find_python(version: str) -> str | None:
    """A Python of this version on this machine: opsctl's own, one on the PATH, or one that pyenv keeps."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    kept = sorted(pyenv.glob(f"versions/{version}.*/bin/python"), key=lambda path: (len(str(path)), str(path)))
    for candidate in [shutil.which(f"python{version}"), *(str(path) for path in reversed(kept))]:
        if candidate is not None and _is(candidate, version):
            return candidate
    return None


def nearest_python(version: str) -> tuple[str, str]:
    """The version on this machine that is nearest to one which is not, the older of two, and its program."""
    wanted = int(version.partition(".")[2])
    minors = sorted(range(OLDEST_PYTHON, NEWEST_PYTHON + 1), key=lambda minor: (abs(minor - wanted), minor))
    found = ((f"3.{minor}", find_python(f"3.{minor}")) for minor in minors)
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return next(((name, program) for name, program in found if program is not None), (own, sys.executable))


def _is(program: str, version: str) -> bool:
    """Whether it runs: pyenv puts a name on the PATH for every version that it knows, chosen or not."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [program, "-c", code],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == version
