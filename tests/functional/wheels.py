"""opsctl as strangers install it: a wheel in an empty environment, beside the packages that it names and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.functional.cli import ROOT, Ran


def install_wheel(folder: Path, extra: str = "") -> Path:
    """The program, from a wheel of this checkout: `extra` is `[local]`, for example. Versions are the locked ones."""
    build = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    lock = (ROOT / "scripts" / "requirements" / "main.txt").read_text().splitlines()
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(line.removesuffix("\\") for line in lock if "==" in line))
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    pip = [str(folder / "venv" / "bin" / "pip"), "--quiet", "install", "--constraint", str(constraints)]
    subprocess.run([*pip, f"{wheel}{extra}"], check=True, capture_output=True)
    return folder / "venv" / "bin" / "opsctl"


def run_program(
    program: Path, *arguments: str, cwd: Path, env: dict[str, str] | None = None, stdin: str = "", timeout: float = 300
) -> Ran:
    """Run it in `cwd`, where nothing leads to this checkout."""
    others = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        [program, *arguments], cwd=cwd, env={**others, **(env or {})},
        input=stdin, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr, arguments)
