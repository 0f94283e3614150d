"""How Sphinx makes a site of docs/, whose pages stay plain Markdown: `make site`.

What stands in docs/index.md, a list of pages below each heading, is the site's navigation too.
"""

from __future__ import annotations

import re
from typing import Any

project = "opsctl"
author = "The opsctl authors"
root_doc = "index"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "opsctl"
html_static_path = ["static"]
html_css_files = ["opsctl.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
highlight_language = "none"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
myst_heading_anchors = 4  # [page](other.md#a-heading) is checked as well as [page](other.md)
nitpicky = True
_ITEM = re.compile(r"^- \[[^\]]+\]\(([\w-]+)\.md\)", re.MULTILINE)
_NAMED = re.compile(
    r"\[[\w-]+\.md\]\(([\w-]+\.md)"
)  # a link that is called as its file; without a text it gets the title


def navigation(text: str) -> str:
    """The index with a hidden table of contents below each heading, of the pages that its list names."""
    before, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    for part in parts:
        caption, _, rest = part.partition("\n")
        pages = "\n".join(_ITEM.findall(rest))
        before += f"## {caption}\n{rest}\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n\n"
    return before


def setup(app: Any) -> None:
    """Sphinx calls this once, before it reads the pages."""

    def read(_: Any, page: str, source: list[str]) -> None:
        source[0] = _NAMED.sub(r"[](\1", source[0])
        if page == root_doc:
            source[0] = navigation(source[0])

    app.connect("source-read", read)
