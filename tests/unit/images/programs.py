"""Stand-ins for container engines: real programs, written for each test."""

from __future__ import annotations

import stat
import sys
from pathlib import Path


class Heard:
    """A listener that remembers lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, text: str, done: int, total: int) -> None:
        """Engines tell no bytes."""


def engine(folder: Path, body: str) -> str:
    """A program that behaves as `body` says; `argv` holds its arguments."""
    path = folder / "engine"
    path.write_text(f"#!{sys.executable}\nimport shutil, sys\nargv = sys.argv[1:]\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)
