"""Programs that need a Python environment of their own, because their packages don't go with ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def tool(name: str, program: str) -> Path:
    """`program` of the environment `.venv-{name}`, made from scripts/requirements/{name}.txt on first use.

    It is made again when the lock changes. Raises CalledProcessError when pip fails.
    """
    environment = ROOT / f".venv-{name}"
    lock = (ROOT / "scripts" / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    stamp = environment / ".lock"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != lock:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        pip = str(environment / "bin" / "pip")
        requirements = str(ROOT / "scripts" / "requirements" / f"{name}.txt")
        subprocess.run([pip, "install", "--quiet", "--require-hashes", "-r", requirements], check=True)
        stamp.write_text(lock, encoding="utf-8")
    return environment / "bin" / program


if __name__ == "__main__":  # NAME PROGRAM ARGUMENTS…: run a program of an environment of its own
    name, program, *arguments = sys.argv[1:]
    sys.exit(subprocess.run([tool(name, program), *arguments], cwd=ROOT, check=False).returncode)
