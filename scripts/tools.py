"""Programs that need a Python environment of their own, because their packages don't go with ours."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.install import install

ROOT = Path(__file__).parent.parent


@contextmanager
def alone(made: Path) -> Iterator[None]:
    """Among all processes, one at a time: for what the first makes and the others find."""
    made.parent.mkdir(parents=True, exist_ok=True)
    with made.with_name(f"{made.name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tool(name: str, program: str) -> Path:
    """`program` of the environment `.venv-{name}`, made from scripts/requirements/{name}.txt on first use.

    It is made again when the lock changes; any number of processes may ask at once. Raises CalledProcessError when
    it can't be installed.
    """
    environment = ROOT / f".venv-{name}"
    requirements = ROOT / "scripts" / "requirements" / f"{name}.txt"
    stamp = environment / ".lock"
    with alone(ROOT / ".cache" / environment.name):
        if not stamp.is_file() or stamp.read_bytes() != requirements.read_bytes():
            subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(environment)], check=True)
            install(requirements, str(environment / "bin" / "python"))
            stamp.write_bytes(requirements.read_bytes())
    return environment / "bin" / program


if __name__ == "__main__":  # NAME PROGRAM ARGUMENTS…: run a program of an environment of its own
    name, program, *arguments = sys.argv[1:]
    sys.exit(subprocess.run([tool(name, program), *arguments], cwd=ROOT, check=False).returncode)
