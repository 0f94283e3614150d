"""What `opsctl init` says: what it wrote and assumed, what is missing, what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsctl.project.initialise import Initialised


def text(done: Initialised) -> str:
    """Blocks with a heading each, those that are empty left out."""
    written = [f"Wrote {name}." for name in done.written]
    blocks = [
        *written,
        *_block("Assumed:", done.assumed),
        *_block("Missing:", done.missing),
        *_block("Note:", done.warnings),
        *_block("Next:", done.next_steps),
    ]
    return "\n".join(blocks)


def _block(heading: str, lines: tuple[str, ...]) -> list[str]:
    return [heading, *(f"  {line}" for line in lines)] if lines else []
