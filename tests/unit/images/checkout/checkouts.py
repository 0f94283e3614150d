"""Git in a test's folder."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(root: Path, *arguments: str) -> str:
    """Run it there, as Ann; what it says."""
    own = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"]
    own += ["-c", "protocol.file.allow=always"]  # a submodule may be another folder
    done = subprocess.run(["git", "-C", str(root), *own, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()
