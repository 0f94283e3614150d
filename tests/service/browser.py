"""What the tests in a real browser share; their fixtures are in conftest.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
IN_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
# The page's filters, and the columns of `datasets.ROWS` that they look at.
CHOICES = {"state": 4, "level": 2, "work_model": 7}


def opened(page: Any, address: str) -> None:
    """Open an address and wait for its figures."""
    page.goto("about:blank")
    page.goto(address)
    settled(page)


def settled(page: Any) -> None:
    """Wait until the page has loaded what was asked last."""
    page.wait_for_selector("#results[aria-busy=false]")
