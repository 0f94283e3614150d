"""The dashboard page. It holds no figures: its script asks the API for them, or the exported bundle's data files.

The live page carries its style and scripts in itself. While a deploy rolls, old and new tasks answer side by side, and
each lacks the other's files: a page that asks for none is whole whichever task answers.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from django.template.loader import render_to_string

CHART_SCRIPT = "vendor/chart.umd.js"
STYLE = "dashboard.css"
SCRIPTS = ("texts.js", "figures.js", "view.js", "dashboard.js")
_FILES = Path(__file__).parent / "static" / "salaries"


@cache
def live_page() -> bytes:
    """Return the HTML of the page that asks the API."""
    return render_page(style=_style(), scripts=_scripts(), mode="live").encode()


@cache
def live_policy() -> str:
    """Return the content security policy of the live page: the code in it, by its hash, and no other."""
    sources = [" ".join(_source(text) for text in texts) for texts in (_scripts(), [_style()])]
    return (
        f"default-src 'none'; script-src {sources[0]}; style-src {sources[1]}; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def render_page(*, style: str, scripts: list[str], mode: str) -> str:
    """Return the page's HTML; `style` and `scripts` are texts in mode `live`, and addresses in mode `static`."""
    return render_to_string("salaries/dashboard.html", {"style": style, "scripts": scripts, "mode": mode})


def page_file(name: str) -> bytes:
    """Return the content of a file of the page; Chart.js without the name of its source map, which is not shipped.

    Raises:
        FileNotFoundError: it is not there.
    """
    return (_FILES / name).read_bytes().partition(b"//# sourceMappingURL=")[0]


def has_chart_script() -> bool:
    """Tell whether Chart.js was put in place at set-up; without it the page draws its own bars."""
    return (_FILES / CHART_SCRIPT).is_file()


def _style() -> str:
    return page_file(STYLE).decode()


def _scripts() -> list[str]:
    return [page_file(name).decode() for name in ([CHART_SCRIPT] if has_chart_script() else []) + list(SCRIPTS)]


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
