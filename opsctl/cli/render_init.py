"""What `opsctl init` says: what it wrote and assumed, what is missing, what comes next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from opsctl.cli import output

if TYPE_CHECKING:
    from opsctl.project.initialise import Initialised


_COMMANDS = ("opsctl ", "git ")  # steps that are one command, to be copied


def text(done: Initialised) -> str:
    """Blocks with a heading each, those that are empty left out; wrapped at a terminal."""
    written = [f"Wrote {name}." for name in done.written]
    blocks = [
        *written,
        *_block("Assumed:", done.assumed),
        *_block("Missing:", done.missing),
        *_block("Note:", done.warnings),
        *_block("Next:", done.next_steps, _COMMANDS),
    ]
    return "\n".join(blocks)


def _block(heading: str, lines: tuple[str, ...], commands: tuple[str, ...] = ()) -> list[str]:
    """Lines below a heading; what begins like one of `commands` stays on a line of its own."""
    return [heading, *(_line(each, commands) for each in lines)] if lines else []


def _line(text: str, commands: tuple[str, ...]) -> str:
    whole = bool(commands) and text.startswith(commands)
    return f"  {text}" if whole else output.wrapped(f"  {text}", sys.stdout, indent="    ")
