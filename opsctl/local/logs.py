"""Log files of the local target: the emulator's, PostgreSQL's and one a task container."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from opsctl.errors import OpsctlError
from opsctl.local.state import StateDir, read_json

DAEMONS = ("emulator", "postgres")


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a file; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64 * 1024))
            return file.read().decode("utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def find_log(state: StateDir, name: str, families: str = "") -> Path:
    """The log called `name`: a daemon's, or that of the newest task whose container or family has this name, of those
    whose families begin with `families`, as one environment's do.
    """
    if name in DAEMONS:
        return state.logs / f"{name}.log"
    every = {path: read_json(path) for path in state.tasks.glob("*/task.json")}
    tasks = {path: task for path, task in every.items() if str(task.get("family", "")).startswith(families)}
    for path in sorted(tasks, key=lambda each: each.stat().st_mtime, reverse=True):
        if name in (tasks[path].get("name"), tasks[path].get("family")):
            return path.parent / "output.log"
    known = sorted({str(task.get("name")) for task in tasks.values() if task.get("name")})
    raise OpsctlError(
        f"There is no local log called {name!r}.",
        code="no-such-log",
        hint=f"Known: {', '.join([*DAEMONS, *known])}.",
    )


def read_lines(path: Path, *, follow: bool, pause: float = 0.2) -> Iterator[str]:
    """Lines of a growing file; with `follow`, for ever, else to its present end."""
    if not path.exists() and not follow:
        return
    while not path.exists():
        time.sleep(pause)
    with path.open(encoding="utf-8", errors="replace") as file:
        held = ""
        while True:
            line = file.readline()
            if line.endswith("\n"):
                yield held + line[:-1]
                held = ""
            elif line:
                held += line
            elif follow:
                time.sleep(pause)
            else:
                break
        if held:
            yield held
