"""Text is UTF-8 wherever it is read or written, never what a machine's locale says; and files are opened by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.cli import ROOT

# The process's own streams, the report of a crash, and what lies in every image, where `cli/system.py` tells nothing.
BY_NUMBER = {"opsctl/cli/streams.py", "opsctl/cli/crash.py", "opsctl/layer/files/start.py"}
SOURCES = sorted(path for name in ("opsctl", "scripts", "service") for path in (ROOT / name).rglob("*.py"))


def undecided(source: str | bytes) -> Iterator[str]:
    """Calls that read or write text in the locale's encoding, each as `line: name`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and not any(each.arg in {"encoding", None} for each in node.keywords):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"read_text", "write_text"} or _of_a_program(node) or _of_a_file(node, name):
                yield f"{node.lineno}: {name}"


def _of_a_program(node: ast.Call) -> bool:
    return any(each.arg == "text" and getattr(each.value, "value", None) is True for each in node.keywords)


def _of_a_file(node: ast.Call, name: str) -> bool:
    """Whether a file is opened in a mode without `b`: path.open(mode), open(path, mode), os.fdopen(number, mode)."""
    owner = getattr(getattr(node.func, "value", None), "id", "")
    if name not in {"open", "fdopen"} or owner in {"tarfile", "zipfile"}:
        return False
    place = 0 if isinstance(node.func, ast.Attribute) and name == "open" else 1
    mode = next((each.value for each in node.keywords if each.arg == "mode"), None) or [*node.args, None, None][place]
    if mode is None:
        return place == 1
    text = getattr(mode, "value", None)
    return isinstance(text, str) and set(text) <= set("rwax+t")


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_text_says_its_encoding(path: Path) -> None:
    assert list(undecided(path.read_bytes())) == []


def test_files_are_opened_by_name() -> None:
    """A full disk names no file, and one that was opened by its number has no name to be told either."""
    found = {str(each.relative_to(ROOT)) for each in SOURCES if "fdopen(" in each.read_text(encoding="utf-8")}
    assert {each for each in found if not each.startswith(("scripts/", "service/"))} == BY_NUMBER


@pytest.mark.parametrize(
    "line",
    ["path.read_text()", "path.write_text('x')", "path.open('w')", "open(path)", "open(path, 'a')",
     "path.open(mode='r')", "os.fdopen(1, 'w')", "subprocess.run(command, text=True)"],
)  # fmt: skip
def test_the_search_finds_text_without_an_encoding(line: str) -> None:
    assert list(undecided(line))
    assert not list(undecided(f"{line[:-1]}{'' if line.endswith('()') else ', '}encoding='utf-8')"))


@pytest.mark.parametrize("line", ["path.open('rb')", "open(path, 'wb')", "Workspace.open(config)", "login.open()"])
def test_the_search_leaves_bytes_and_other_things_alone(line: str) -> None:
    assert not list(undecided(line))
