"""Size of each package, and code of opsctl that nothing uses: `python -m scripts.house`. Exit 1 when there is any."""

from __future__ import annotations

import sys
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "opsctl"
# Called by others: ministack asks for what docker's library has, PyYAML and tests for the rest.
_CALLED_ELSEWHERE = ["attrs", "reload", "ignore_aliases", "reset_calls"]


def sizes() -> list[str]:
    """Files and lines of each package, the largest first."""
    found = {}
    for folder in sorted(path for path in PACKAGE.rglob("*") if path.is_dir() and (path / "__init__.py").is_file()):
        files = list(folder.glob("*.py"))
        found[folder.relative_to(ROOT).as_posix()] = (
            len(files), sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files),
        )  # fmt: skip
    ordered = sorted(found.items(), key=lambda item: -item[1][1])
    return [f"{name:<28} {files:>3} files {lines:>6,} lines" for name, (files, lines) in ordered]


def unused() -> list[str]:
    """Functions, methods, classes and imports that nothing in the package refers to."""
    found = Vulture(
        ignore_names=_CALLED_ELSEWHERE, ignore_decorators=["@app.*", "@field_validator", "@model_validator"]
    )
    found.scavenge([str(PACKAGE)])
    kinds = {"function", "method", "class", "import", "property"}
    return [
        f"{Path(item.filename).relative_to(ROOT)}:{item.first_lineno}: nothing uses {item.name}"
        for item in found.get_unused_code(min_confidence=60)
        if item.typ in kinds
    ]


if __name__ == "__main__":
    print("\n".join(sizes()))
    if dead := unused():
        sys.exit("\n".join(dead))
    print("nothing is unused")
