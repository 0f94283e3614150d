"""Install a lock of scripts/requirements into a Python environment: by uv, else by pip.

    ENVIRONMENT/bin/python scripts/install.py LOCK [OPTION_OF_UV…]

This runs before anything is installed, so with the standard library only; uv itself comes from opsctl's lock. uv takes
a fraction of pip's time, but reads nothing of pip's configuration: it is told the index, the proxy and the certificates
that stand there. Where uv fails all the same, pip does the same work from the same lock.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_OPSCTL = Path(__file__).parent / "requirements" / "main.txt"
_UV = re.compile(r"^uv==(?:.*\\\n)+.*\n", re.MULTILINE)
# uv's variable for what pip calls so.
_TOLD = {"index-url": "UV_DEFAULT_INDEX", "proxy": "ALL_PROXY", "cert": "SSL_CERT_FILE"}


def install(lock: Path, python: str = sys.executable, options: tuple[str, ...] = ()) -> None:
    """Install what `lock` names into the environment of `python`, by this environment's uv with these options of it.

    Raises CalledProcessError when pip fails too.
    """
    try:
        command = [str(_uv()), "pip", "install", "--quiet", "--require-hashes", "--python", python, "-r", str(lock)]
        subprocess.run([*command, *options], check=True, env=os.environ | _told_by_pip())
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"uv could not install {lock.name} ({error}); pip does it now, which takes minutes.\n")
        subprocess.run(_pip(python, "install", "--require-hashes", "-r", str(lock)), check=True)


def _pip(python: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--quiet", "--python", python, *arguments]


def _uv() -> Path:
    program = Path(sys.executable).with_name("uv")
    found = _UV.search(_OPSCTL.read_text(encoding="utf-8"))
    if not program.exists() and found:
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lock:
            lock.write(found.group())
            lock.flush()
            subprocess.run(_pip(sys.executable, "install", "--require-hashes", "-r", lock.name), check=True)
    return program


def _told_by_pip() -> dict[str, str]:
    """What pip's files and variables say; what counts more with pip comes later."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, check=True, capture_output=True, text=True, encoding="utf-8", errors="replace").stdout
    said = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
    return {
        variable: ast.literal_eval(said[f"{section}.{name}"])
        for section in ("global", "install", ":env:")
        for name, variable in _TOLD.items()
        if f"{section}.{name}" in said
    }


if __name__ == "__main__":
    install(Path(sys.argv[1]), options=tuple(sys.argv[2:]))
