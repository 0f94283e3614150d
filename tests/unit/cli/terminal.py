"""What stands for a screen."""

from __future__ import annotations

import io
import re


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        """Its lines, without the sequences that move the cursor and colour the text."""
        return unstyled(self.getvalue()).splitlines()


def unstyled(text: str) -> str:
    """The text without such sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
