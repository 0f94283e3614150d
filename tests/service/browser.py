"""What the tests in a real browser share; their fixtures are in conftest.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

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
    page.wait_for_selector("#results[aria-busy=false]", state="attached")


def expected_texts(page: Any, client: Client, role: str, filters: dict[str, str]) -> dict[str, list[str]]:
    """Return the texts the page should show for the API's figures, formatted by the browser itself."""
    found = client.get("/api/salaries/overview/", {"role": role, **filters}).json()
    script = "([values, code]) => values.map((value) => Salaries.formats('en', 'month').money(value, code))"

    def shown(amounts: list[float]) -> list[str]:
        texts: list[str] = page.evaluate(script, [amounts, found["currency"]])
        return texts

    spread = found["percentiles"]
    texts = {"based": [str(found["observations"])]}
    if spread:
        texts |= {"hero": shown([spread["median"]]), "hero-half": shown([spread["p25"], spread["p75"]])}
        texts["five"] = shown(list(spread.values()))
    for kind in ("levels", "states", "locations", "work_models"):
        ranked = [each for each in found[kind] if each["observations"] >= 5]
        texts[kind] = shown([each["percentiles"]["median"] for each in ranked])
    return texts


def check_figures(page: Any, client: Client, role: str, filters: dict[str, str]) -> None:
    """Assert that the page shows the API's figures."""
    for key, texts in expected_texts(page, client, role, filters).items():
        shown = page.inner_text(f"#{key}")
        for text in texts:
            assert text in shown, (key, role, filters)
