"""Timing whole commands: warm-up, then alternating runs, medians."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of wall-clock time over the counted runs."""

    median: float
    least: float
    most: float

    def text(self) -> str:
        """`0.123 s (0.120 to 0.130)`."""
        return f"{self.median:.3f} s ({self.least:.3f} to {self.most:.3f})"


def alternate(commands: Mapping[str, Sequence[str]], *, runs: int = 9) -> dict[str, Timing]:
    """Time commands in turn, A B C A B C …, so that a machine whose speed drifts slows all of them alike.

    Raises CalledProcessError when one fails: a command that does nothing must not look fast.
    """
    # Byte code is written, as an installed program has it.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(runs + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
            if run:  # the first round warms up
                taken[name].append(time.perf_counter() - started)
    return {name: Timing(statistics.median(item), min(item), max(item)) for name, item in taken.items()}
