"""Every command that opsctl tells people to type can be typed: in its messages, in README and docs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from opsctl.cli.app import build
from tests.functional.cli import ROOT

SOURCES = sorted(path for name in ("opsctl", "service") for path in (ROOT / name).rglob("*.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TREE = get_command(build())
ANY = "\N{OBJECT REPLACEMENT CHARACTER}"  # what a message puts in when it is made

_TYPED = re.compile(r"`(opsctl [^`]+)`")
_WHOLE = re.compile(r"opsctl [a-z]+( [a-z-]+)*( --?[a-z-]+)*")
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`[^`]*`")
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
# Django's createsuperuser and flush have the first, of which a hint speaks; the service's own commands have the others.
OF_OTHERS = {"--noinput", "--key", "--max-bytes"}


def messages(source: str) -> Iterator[tuple[int, str]]:
    """Texts of a module that are no docstrings, each with its line; what is put in when it is made is ANY."""
    tree = ast.parse(source)
    parts: set[ast.AST] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            parts.add(body[0].value)
        if isinstance(node, ast.JoinedStr):
            parts.update(node.values)
    for node in ast.walk(tree):
        if node in parts:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(getattr(part, "value", "")) if isinstance(part, ast.Constant) else ANY
                                       for part in node.values)  # fmt: skip


def hints(source: str) -> Iterator[str]:
    """The texts of a module that say what to do next: what is given as `hint`, as `if_it_fails`, or is raised."""
    for node in ast.walk(ast.parse(source)):
        given = [node.value] if isinstance(node, ast.keyword) and node.arg in {"hint", "if_it_fails"} else []
        raised = node.exc.args if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) else []
        yield from (text for each in (*given, *raised) for _, text in messages(f"_ = {ast.unparse(each)}"))


def typed(text: str) -> Iterator[str]:
    """The command lines of a message: between backticks, or the whole of it."""
    yield from (found[1] for found in _TYPED.finditer(text))
    if _WHOLE.fullmatch(text.replace(ANY, "x")):
        yield text


def wrong(line: str) -> str:
    """What of a command line of opsctl there is not: a command or an option; "" when all is."""
    words = re.split(r"\s+", line.split(" -- ", maxsplit=1)[0].strip())[1:]
    command: object = TREE
    while words and (inner := getattr(command, "commands", None)) is not None:
        name = words[0]
        if ANY in name or name.startswith(("[", "<", "…")):
            return ""  # which command it is, only the one who tells it knows
        if name.startswith("-"):
            break
        if any(each not in inner for each in name.strip(".,;").split("|")):
            return f"no command {name}"
        command = inner[name.strip(".,;").split("|")[0]]
        words = words[1:]
    known = {flag for each in getattr(command, "params", []) for flag in (*each.opts, *each.secondary_opts)}
    known |= {"--help", "-h"}
    asked = [word.strip("[].,;").partition("=")[0] for word in words if re.match(r"\[?--?[a-zA-Z]", word)]
    return next((f"no option {flag}" for flag in asked if ANY not in flag and flag not in known), "")


def options(command: object) -> Iterator[str]:
    for item in getattr(command, "commands", {}).values():
        yield from options(item)
    for each in getattr(command, "params", []):
        yield from (*each.opts, *each.secondary_opts)


OPTIONS = {*options(TREE), "--help"}


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_a_message_names_commands_that_there_are(path: Path) -> None:
    told = [(number, line) for number, text in messages(path.read_text(encoding="utf-8")) for line in typed(text)]
    assert [f"{number}: {line}: {what}" for number, line in told if (what := wrong(line))] == []


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_a_page_names_commands_that_there_are(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    blocks = "\n".join(_BLOCK.findall(page))
    lines = [line.split(" #")[0] for line in blocks.splitlines() if re.match(r"\$? ?opsctl ", line)]
    told = [*(line.removeprefix("$ ") for line in lines), *_TYPED.findall(_BLOCK.sub("", page))]
    told = [line for line in told if "…" not in line]  # what opsctl says, shortened
    assert [f"{line}: {what}" for line in told if (what := wrong(line))] == []


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_a_hint_names_options_that_there_are(path: Path) -> None:
    """Outside of a command line, which another program's may be, an option is one of opsctl's."""
    named = {flag for text in hints(path.read_text(encoding="utf-8")) for flag in _FLAG.findall(_QUOTED.sub("", text))}
    assert named - OPTIONS - OF_OTHERS == set()


def test_the_search_finds_what_there_is_not() -> None:
    assert wrong("opsctl fly") == "no command fly"
    assert wrong("opsctl dataset fly --env x") == "no command fly"
    assert wrong("opsctl deploy --traceback") == "no option --traceback"
    assert wrong(f"opsctl deploy --env {ANY} app") == ""
    assert wrong(f"opsctl {ANY}") == ""
    assert wrong("opsctl run -- manage.py x --traceback") == ""
    assert list(hints('raise E("--not", hint=f"Use --fly {x}." if y else "")')) == ["--not", f"Use --fly {ANY}.", ""]
    assert list(hints('f(hint="Use --fly.")')) == ["Use --fly."]
    source = '''def f():\n    """`opsctl docs`"""\n    g(f"Run `opsctl fly {x}`.", hint="opsctl swim")'''
    assert [line for _, text in messages(source) for line in typed(text)] == [f"opsctl fly {ANY}", "opsctl swim"]
