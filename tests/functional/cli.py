"""Running the real command line in a process of its own, as a person or a script does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.json_outputs import faults

ROOT = Path(__file__).parent.parent.parent

# Environments of applications, by their lock: made once for all tests.
ENVIRONMENTS = ROOT / ".cache" / "environments"


@dataclass(frozen=True)
class Ran:
    """What a command left behind. `line` is what followed `opsctl`, empty for other programs."""

    code: int
    out: str
    err: str
    line: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        """stdout as JSON; fails the test with all output when it is not, or not as docs/json.md has it."""
        try:
            found = json.loads(self.out)
        except ValueError:
            raise AssertionError(f"no JSON on stdout:\n{self.out}\n{self.err}") from None
        if "--json" in self.line:
            assert faults(self.line, found) == []
        return found


def opsctl(*arguments: str, cwd: Path, env: dict[str, str] | None = None, stdin: str = "", timeout: float = 300) -> Ran:
    """Run `opsctl` in `cwd`. stdin is never a terminal here."""
    done = subprocess.run(
        [sys.executable, "-m", "opsctl", *arguments],
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT), "OPSCTL_ENVIRONMENTS": str(ENVIRONMENTS), **(env or {})},
        input=stdin, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr, arguments)
