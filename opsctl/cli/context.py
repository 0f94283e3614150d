"""Who sits at the command line: what can be asked, what was typed."""

from __future__ import annotations

import getpass
import shlex
import sys
from pathlib import Path

from opsctl.cli import output
from opsctl.operate.target import Workspace


def open_workspace(
    config: Path | None, *, locked: bool | None = None, checkout: bool = False, allow_files: list[str] | None = None
) -> Workspace:
    """The configuration, for whoever typed this command."""
    return Workspace.open(
        config, checkout=checkout, ask=ask_code, tell=output.note, command=command_line(), locked=locked,
        allow_files=tuple(allow_files or ()),
    )  # fmt: skip


def ask_code(question: str) -> str | None:
    """What a person types at the terminal, unseen; None where nobody can be asked: in a pipe, or under --json."""
    if "--json" in sys.argv or not sys.stdin.isatty() or not sys.stderr.isatty():
        return None
    try:
        return getpass.getpass(question, stream=sys.stderr)
    except EOFError:
        return None


def command_line() -> str:
    """The command as typed."""
    return shlex.join(["opsctl", *sys.argv[1:]])
