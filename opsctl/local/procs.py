"""Processes by pid and start time, so that a recycled pid is never taken for one of ours, nor killed.

Standard library only: `target` imports this on its fast path.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opsctl.host import start_time
from opsctl.local.state import read_json, write_json

MARKER = "OPSCTL_LOCAL_STATE"
"""Environment variable that every process of a target carries; its value is the state directory."""


@dataclass(frozen=True)
class ProcessId:
    """A process, told apart from a later one with the same pid by its start time (kernel ticks since boot)."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The running process with this pid; None when there is none or it is a zombie."""
        started = start_time(pid)
        return cls(pid, started) if started else None

    @classmethod
    def load(cls, path: Path) -> ProcessId | None:
        """What `path` names, running or not; None when it names nothing."""
        record = read_json(path)
        pid, started = record.get("pid"), record.get("started")
        return cls(pid, started) if isinstance(pid, int) and isinstance(started, str) else None

    def save(self, path: Path, **more: str) -> None:
        write_json(path, {"pid": self.pid, "started": self.started, **more})

    @property
    def alive(self) -> bool:
        return start_time(self.pid) == self.started

    def send(self, number: int) -> bool:
        """Signal it, if it is still the same process."""
        if not self.alive:
            return False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, number)
            return True
        return False


def end_all(processes: Sequence[ProcessId], *, gentle: int, patience: float) -> None:
    """Signal all, wait up to `patience` seconds, then SIGKILL what is left and wait until that is gone too."""
    for each in processes:
        each.send(gentle)
    for each in _left_after(processes, patience):
        each.send(signal.SIGKILL)
    _left_after(processes, 5.0)


def _left_after(processes: Sequence[ProcessId], seconds: float) -> list[ProcessId]:
    deadline = time.monotonic() + seconds
    while left := [each for each in processes if each.alive]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return left


def marked(state: Path) -> list[ProcessId]:
    """Every running process whose environment carries this state directory's marker (Linux; elsewhere none)."""
    wanted = f"{MARKER}={state}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        process = ProcessId.of(int(entry.name)) if wanted in environment.split(b"\0") else None
        if process:
            found.append(process)
    return found
