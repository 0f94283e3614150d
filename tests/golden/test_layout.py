"""The house stays in order: no circle of imports, no two modules of a package whose names differ by a plural."""

from __future__ import annotations

import ast
import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "opsctl"


def modules() -> dict[str, Path]:
    """Dotted name -> file of every module; a package goes by its own name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: set[str]) -> set[str]:
    """Modules that a file imports, wherever it does so: in functions and for type checkers too."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            below = {f"{node.module}.{alias.name}" for alias in node.names} & known
            found |= below or {node.module}
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of modules that import each other, empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other() -> None:
    found = modules()
    assert circle({name: imports(path, set(found)) - {name} for name, path in found.items()}) == []


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
