"""How Sphinx makes a site of docs/, whose pages stay plain Markdown: `make site`.

What stands in docs/index.md, a list of pages below each heading, is the site's navigation too.
"""

from __future__ import annotations

import re
from pathlib import Path
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
highlight_language = "none"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
myst_heading_anchors = 4  # [page](other.md#a-heading) is checked as well as [page](other.md)
nitpicky = True
_HEADING = re.compile(r"^## (.+)$")
_ITEM = re.compile(r"^- \[[^\]]+\]\(([a-z-]+|README)\.md\)", re.IGNORECASE)


def navigation(text: str, folder: Path) -> str:
    """The index with a hidden table of contents below each heading, of the pages that its list names."""
    lines: list[str] = []
    caption, pages = "", list[str]()
    for line in [*text.splitlines(), "## "]:
        if line == "## " or (heading := _HEADING.match(line)):
            if pages:
                lines += ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""]
            caption, pages = (heading[1] if line != "## " else ""), []
        elif item := _ITEM.match(line):
            if item[1] == "commands" and not (folder / "commands.md").is_file():
                continue  # it is generated elsewhere
            pages.append(item[1])
        if line != "## ":
            lines.append(line)
    return "\n".join(lines) + "\n"


def setup(app: Any) -> None:
    """Sphinx calls this once, before it reads the pages."""

    def read(app: Any, page: str, source: list[str]) -> None:
        if page == root_doc:
            source[0] = navigation(source[0], Path(app.srcdir))

    app.connect("source-read", read)
