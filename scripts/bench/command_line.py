"""How long the command line takes: start-up beside a bare Python and the AWS CLI, synth, a deploy without changes."""

from __future__ import annotations

import subprocess
import sys

from scripts.bench.measure import ROOT, Timing, alternate
from scripts.tools import tool

OPSCTL = str(ROOT / ".venv" / "bin" / "opsctl")


def start_up() -> list[str]:
    """`--version` and `--help`; goals: a third and half of `aws --version`."""
    aws = str(tool("awscli", "aws"))
    times = alternate({
        "python -c pass": [sys.executable, "-c", "pass"],
        "opsctl --version": [OPSCTL, "--version"],
        "opsctl --help": [OPSCTL, "--help"],
        "aws --version": [aws, "--version"],
    })  # fmt: skip
    peer = times["aws --version"]
    return [
        f"{name:<20} {timing.text()}  {timing.median / peer.median:.2f} of aws --version"
        for name, timing in times.items()
    ]


def synth() -> list[str]:
    """All environments in one process; goal 1.5 s."""
    timing = alternate({"synth": [OPSCTL, "synth", "--check"]})["synth"]
    return [_against("opsctl synth", timing, 1.5)]


def deploy_without_changes() -> list[str]:
    """All stacks on the local target; goal 1 s. The first deploy is not counted."""
    subprocess.run([OPSCTL, "deploy", "--env", "local", "--yes"], cwd=ROOT, check=True, capture_output=True)
    timing = alternate({"deploy": [OPSCTL, "deploy", "--env", "local"]})["deploy"]
    return [_against("opsctl deploy (no change)", timing, 1.0)]


def _against(name: str, timing: Timing, limit: float) -> str:
    return f"{name:<26} {timing.text()}  {timing.median / limit:.2f} of the goal of {limit} s"
