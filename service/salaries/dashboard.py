"""The dashboard page: its script asks the API for figures, or the exported bundle's data files. Without a script it
shows those of the role with most rows.

The live page carries its style and scripts in itself. While a deploy rolls, old and new tasks answer side by side, and
each lacks the other's files: a page that asks for none is whole whichever task answers.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string

STYLE = "dashboard.css"
SCRIPTS = (
    "texts.js",
    "dom.js",
    "format.js",
    "figures.js",
    "sources.js",
    "charts.js",
    "lead.js",
    "groups.js",
    "compare.js",
    "share.js",
    "dashboard.js",
)
PREVIEW = "preview.png"
DESCRIPTION = "What people in tech earn, by role, place, seniority and work model: medians, with their sample sizes."
_COMMENT = re.compile(rb"(//.*|/\*.*\*/)?")
_FILES = Path(__file__).parent / "static" / "salaries"
Part = dict[str, Any]


def live_page(*, origin: str, plain: list[Part]) -> bytes:
    """Return the HTML of the page that asks the API.

    Args:
        origin: where the page is, with a slash at its end: previews of shared links need a whole address.
        plain: what it shows without a script, once a language.
    """
    return render_page(style=_style(), scripts=list(_scripts()), mode="live", origin=origin, plain=plain).encode()


@cache
def live_policy() -> str:
    """Return the content security policy of the live page: the code in it, by its hash, and no other."""
    sources = [" ".join(_source(text) for text in texts) for texts in (_scripts(), [_style()])]
    return (
        f"default-src 'none'; script-src {sources[0]}; style-src {sources[1]}; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


@cache
def page_revision() -> str:
    """Return what changes whenever the page's own files do."""
    template = render_page(style="", scripts=[], mode="live", origin="", plain=[])
    return hashlib.sha256("".join([template, _style(), *_scripts()]).encode()).hexdigest()[:12]


def render_page(*, style: str, scripts: list[str], mode: str, origin: str, plain: list[Part]) -> str:
    """Return the page's HTML; `style` and `scripts` are texts in mode `live`, and addresses in mode `static`."""
    values = {"style": style, "scripts": scripts, "mode": mode, "origin": origin, "plain": plain}
    return render_to_string("salaries/dashboard.html", {**values, "description": DESCRIPTION})


def page_file(name: str) -> bytes:
    """Return the content of a file of the page; scripts and styles without indents and comments.

    Raises:
        FileNotFoundError: it is not there.
    """
    content = (_FILES / name).read_bytes()
    if not name.endswith((".js", ".css")):
        return content
    lines = [line.strip() for line in content.splitlines()]
    return b"\n".join(line for line in lines if not _COMMENT.fullmatch(line)) + b"\n"


@cache
def _style() -> str:
    return page_file(STYLE).decode()


@cache
def _scripts() -> tuple[str, ...]:
    return tuple(page_file(name).decode() for name in SCRIPTS)


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
