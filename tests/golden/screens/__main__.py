"""`python -m tests.golden.screens` writes the screens."""

from __future__ import annotations

from tests.golden.screens.scenes import screens

if __name__ == "__main__":
    for path, text in screens().items():
        path.write_text(text, encoding="utf-8")
