"""Files that are made from the program and committed: written, or with `--check` only compared."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


def stale(wanted: Mapping[Path, str], *, check: bool) -> list[Path]:
    """Which files differ from their wanted text; they are written unless this only checks."""
    found = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if not check:
        for path in found:
            path.write_text(wanted[path], encoding="utf-8")
    return found


def settle(path: Path, name: str, text: str) -> int:
    """Write one file, or with `--check` on the command line compare it; returns the exit code."""
    check = "--check" in sys.argv
    if stale({path: text}, check=check) and check:
        print(f"{name} is stale: run `make templates`.", file=sys.stderr)
        return 1
    return 0
