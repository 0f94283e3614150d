"""The house stays in order: no circle of imports, no two modules of a package whose names differ by a plural."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from scripts.house import circle, import_graph

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "opsctl"


def test_no_modules_import_each_other() -> None:
    assert circle(import_graph()) == []


def test_a_circle_would_be_found() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_no_two_modules_of_a_package_differ_by_a_plural() -> None:
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        names = Counter(path.stem.removesuffix("s") for path in folder.glob("*.py"))
        assert [name for name, count in names.items() if count > 1] == [], folder


def test_what_any_application_runs_through_knows_no_word_of_the_bundled_one() -> None:
    """What the bundled service needs is said in environments.yaml, in words that another project could use."""
    words = re.compile("salar(?:y|ies)|dataset|dashboard", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for package in ("stacks", "deploy", "images", "local", "layer", "project")
        for path in sorted((PACKAGE / package).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if words.search(line)
    ]
    assert found == []
