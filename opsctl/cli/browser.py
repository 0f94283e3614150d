"""The browser of whoever sits at the terminal."""

from __future__ import annotations

import os
import sys
import webbrowser


def show(url: str) -> bool:
    """Open an address, where a person with a display sits at a terminal; says whether it did."""
    display = sys.platform in {"darwin", "win32"} or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(display) and sys.stdout.isatty() and webbrowser.open(url)
