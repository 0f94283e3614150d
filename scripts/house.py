"""Sizes, what got long, circles of imports, and code of opsctl that nothing uses: `python -m scripts.house`.

Exit 1 when there is a circle, or code that nothing uses.
"""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "opsctl"
FILE_LINES, FUNCTION_LINES = 400, 60
_OURS = ("opsctl", "service", "scripts", "tests")
# Called by others: typer writes help, ministack asks for what docker's library has, PyYAML and tests for the rest.
_CALLED_ELSEWHERE = ["attrs", "format_commands", "reload", "ignore_aliases", "reset_calls"]


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


def long_ones() -> list[str]:
    """Files, then functions, that are longer than one reads at once, the longest first. Some have their reasons."""
    files, functions = [], []
    for path in (path for folder in _OURS for path in (ROOT / folder).rglob("*.py")):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        files.append((len(text.splitlines()), name))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.append(((node.end_lineno or node.lineno) - node.lineno + 1, f"{name}: {node.name}"))
    found = [
        *sorted((each for each in files if each[0] > FILE_LINES), reverse=True),
        *sorted((each for each in functions if each[0] > FUNCTION_LINES), reverse=True),
    ]
    return [f"{lines} lines: {name}" for lines, name in found]


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


def import_graph() -> dict[str, set[str]]:
    """What each module imports of the others."""
    found = modules()
    return {name: imports(path, set(found)) - {name} for name, path in found.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of modules that import each other, empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


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
    print("\n".join([*sizes(), *long_ones()]))
    if found := circle(import_graph()):
        sys.exit(f"These import each other: {', '.join(found)}")
    print("no modules import each other")
    if dead := unused():
        sys.exit("\n".join(dead))
    print("nothing is unused")
