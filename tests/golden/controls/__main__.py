"""`python -m tests.golden.controls` writes docs/security.md."""

from __future__ import annotations

from tests.golden.controls.document import PATH, render

if __name__ == "__main__":
    PATH.write_text(render())
