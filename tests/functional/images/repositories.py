"""Git repositories with a package each, whose build backend lies in the repository itself: nothing is downloaded."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_PROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
_BACKEND = """import os, time, zipfile

WHEEL, NEEDS, SEEN = {settings!r}


def build_wheel(folder, config_settings=None, metadata_directory=None):
"""
# As careless as a backend may be: it writes the time, and a set in the order that it comes in.
_BUILD = """    name, version = WHEEL.split("-")[:2]
    info = f"{name}-{version}.dist-info"
    made = os.environ.get("SOURCE_DATE_EPOCH", time.time_ns()), set("abcdef")
    files = {
        "shopkit.py": f"SEEN = { {name: os.environ.get(name) for name in SEEN} }; MADE = {made}",
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n" + NEEDS,
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(os.path.join(folder, WHEEL), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return WHEEL
"""


@dataclass(frozen=True)
class GitRepository:
    """A repository of this machine."""

    folder: Path

    @property
    def url(self) -> str:
        """Its address, as git takes it."""
        return self.folder.as_uri()

    def git(self, *arguments: str) -> str:
        """What git answers."""
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        command = ["git", "-C", str(self.folder), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, files: dict[str, str]) -> str:
        """Write files and commit all; answers the commit."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "test")
        return self.git("rev-parse", "HEAD")


def new_repository(folder: Path) -> GitRepository:
    """An empty one."""
    folder.mkdir(parents=True)
    made = GitRepository(folder)
    made.git("init", "--quiet", "--initial-branch=main")
    return made


def package(
    below: str = "",
    *,
    wheel: str = "shopkit-1.0-py3-none-any.whl",
    needs: str = "",
    first: str = "pass",
    seen: tuple[str, ...] = (),
) -> dict[str, str]:
    """Files of a package that tells which variables of `seen` its backend saw.

    `needs` is metadata, `first` what the backend runs before it builds.
    """
    backend = f"{_BACKEND.format(settings=(wheel, needs, seen))}    {first}\n{_BUILD}"
    return {f"{below}pyproject.toml": _PROJECT, f"{below}backend.py": backend}
